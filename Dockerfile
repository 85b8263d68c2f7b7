# syntax=docker/dockerfile:1
# One image for the server and the command line. It holds no secret and no configuration: both come in at the start.
#   docker build -t moongate .
#   docker run -p 8787:8787 -v moongate-data:/data moongate
#   docker exec <container> node cli/moongate.mjs keys list

FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
# Without scripts: the one package that has any brings a Node of its own, and this image has Node 24 already.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-slim
LABEL org.opencontainers.image.title="Moongate" \
      org.opencontainers.image.description="Your own Kimi platform: one self-hosted endpoint over every place where the Kimi K2 models run" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY package.json LICENSE moongate.schema.json moongate.example.yaml ./
COPY launch ./launch
COPY contract ./contract
COPY client ./client
COPY cli ./cli
COPY src ./src
# Documents are read by processes that bubblewrap holds, where the host allows user namespaces. For text in pictures:
#   docker build --build-arg PACKAGES="bubblewrap tesseract-ocr tesseract-ocr-rus tesseract-ocr-chi-sim" -t moongate .
ARG PACKAGES="bubblewrap"
RUN apt-get update && apt-get install -y --no-install-recommends $PACKAGES && rm -rf /var/lib/apt/lists/*
# The folder of the database and its secrets belongs to who runs the server, and to nobody else; so does the one that several
# servers may share for files.
RUN install -d -o node -g node -m 0700 /data /files
# In a container the loopback addresses reach nobody. Put TLS in front.
ENV NODE_ENV=production \
    MOONGATE_HOST=0.0.0.0 \
    MOONGATE_PORT=8787 \
    MOONGATE_DATA_DIR=/data
USER node
VOLUME /data
EXPOSE 8787
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.MOONGATE_PORT}/healthz`).then((reply) => process.exit(reply.ok ? 0 : 1), () => process.exit(1))"]
# As npm start does, but without npm between the signals and the server.
CMD ["node", "--max-semi-space-size=32", "src/start.mjs"]
