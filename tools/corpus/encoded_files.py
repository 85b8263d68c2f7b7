"""Text and tables in the encodings of the world. Called by make.ts: encoded_files.py FILES.json OUT"""
import json
import sys
from pathlib import Path

for name, (encoding, text) in json.loads(Path(sys.argv[1]).read_text()).items():
    Path(sys.argv[2], name).write_bytes(text.encode(encoding))
