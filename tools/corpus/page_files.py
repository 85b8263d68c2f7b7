"""PDF by WeasyPrint, ReportLab and fpdf2, images, and a scanned page. Called by make.ts: page_files.py SOURCES.json HTML-FOLDER OUT"""
import json
import sys
from pathlib import Path

from fpdf import FPDF
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle
from weasyprint import HTML

sources = json.loads(Path(sys.argv[1]).read_text())
html = Path(sys.argv[2])
out = Path(sys.argv[3])
texts = {text["name"]: text for text in sources["texts"]}
deja_vu = "/usr/share/fonts/truetype/dejavu/"


def weasyprint(page, name):
    HTML(filename=str(html / f"{page}.html")).write_pdf(out / f"{name}.pdf")


def is_wide(text):
    return any("\u2e80" <= character <= "\uffef" for character in text)


def reportlab(name):
    """Chinese by a font that is not embedded (STSong-Light), the rest by embedded TrueType."""
    pdfmetrics.registerFont(TTFont("Serif", f"{deja_vu}DejaVuSerif.ttf"))
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))

    def faced(text, size):
        return ParagraphStyle(f"style{size}", fontName="STSong-Light" if is_wide(text) else "Serif", fontSize=size, leading=size * 1.4, spaceAfter=size * 0.6,
                              wordWrap="CJK" if is_wide(text) else None)

    def escaped(text):
        return text.replace("&", "&amp;").replace("<", "&lt;")

    story = []
    for block in texts[name]["blocks"]:
        if block["kind"] == "heading":
            story.append(Paragraph(escaped(block["text"]), faced(block["text"], 22 - 4 * block["level"])))
        elif block["kind"] == "paragraph":
            text = "".join(run["text"] for run in block["runs"])
            # A paragraph of both kinds of script names the font of each piece.
            pieces, current = [], ""
            for character in text:
                if current and is_wide(character) != is_wide(current[-1]):
                    pieces.append(current)
                    current = ""
                current += character
            pieces.append(current)
            marked = "".join(f'<font name="{"STSong-Light" if is_wide(piece) else "Serif"}">{escaped(piece)}</font>' for piece in pieces)
            story.append(Paragraph(marked, faced("a" if len(pieces) > 1 else text, 11)))
        elif block["kind"] == "table":
            cells = [[Paragraph(escaped(cell), faced(cell, 10)) for cell in row] for row in block["rows"]]
            story.append(Table(cells, colWidths=[110] * len(cells[0]), style=TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.grey)])))
            story.append(Spacer(1, 10))
    SimpleDocTemplate(str(out / f"{name}.reportlab.pdf"), pagesize=A4, title=texts[name]["title"], invariant=1).build(story)


def fpdf(name):
    """A long table without rules, over several pages, with a running header and page numbers."""

    class Pages(FPDF):
        def header(self):
            self.set_font("Sans", size=8)
            self.cell(0, 8, "Parks department", align="R", new_x="LMARGIN", new_y="NEXT")

        def footer(self):
            self.set_y(-12)
            self.set_font("Sans", size=8)
            self.cell(0, 8, f"{self.page_no()}", align="C")

    pages = Pages()
    pages.add_font("Sans", fname=f"{deja_vu}DejaVuSans.ttf")
    pages.set_title(texts[name]["title"])
    pages.add_page()
    for block in texts[name]["blocks"]:
        if block["kind"] == "heading":
            pages.set_font("Sans", size=22 - 4 * block["level"])
            pages.multi_cell(0, 10, block["text"], new_x="LMARGIN", new_y="NEXT")
        elif block["kind"] == "paragraph":
            pages.set_font("Sans", size=11)
            pages.multi_cell(0, 6, "".join(run["text"] for run in block["runs"]), new_x="LMARGIN", new_y="NEXT")
            pages.ln(3)
        elif block["kind"] == "table":
            pages.set_font("Sans", size=9)
            for row in block["rows"]:
                for value, width in zip(row, (20, 42, 34, 24, 20, 45)):
                    pages.cell(width, 7, value)
                pages.ln()
            pages.ln(4)
    pages.output(str(out / f"{name}.fpdf2.pdf"))


def pictures():
    """One notice as a picture, in each format, and as the only thing on a page of PDF."""
    picture = Image.new("RGB", (1240, 620), "white")
    pen = ImageDraw.Draw(picture)
    font = ImageFont.truetype(f"{deja_vu}DejaVuSans.ttf", 44)
    for index, line in enumerate(sources["notice"]):
        pen.text((70, 60 + index * 100), line, fill="black", font=font)
    grey = picture.convert("L")
    grey.save(out / "lost-umbrella.pillow.png", optimize=True)
    grey.save(out / "lost-umbrella.pillow.jpg", quality=70)
    grey.save(out / "lost-umbrella.pillow.gif")
    grey.save(out / "lost-umbrella.pillow.webp", lossless=True)
    grey.convert("1").save(out / "lost-umbrella.pillow.tiff", compression="group4")
    grey.convert("1").save(out / "lost-umbrella.pillow.bmp")
    grey.save(out / "lost-umbrella.pillow.pdf", resolution=150)


weasyprint("tide-tables", "tide-tables.weasyprint")
weasyprint("tea-road", "tea-road.weasyprint")
weasyprint("winter-garden.hyphens", "winter-garden.weasyprint-hyphens")
weasyprint("newsletter.three-columns", "newsletter.weasyprint-columns")
reportlab("four-desks")
reportlab("steppe-letter")
fpdf("ledger-of-trees")
pictures()
