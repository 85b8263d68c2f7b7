"""DOCX, XLSX, PPTX, ODF, EPUB and XLS by Python's own libraries. Called by make.ts: office_files.py SOURCES.json OUT"""
import datetime
import json
import sys
from pathlib import Path

import openpyxl
import xlsxwriter
import xlwt
from docx import Document
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from ebooklib import epub
from odf import draw, presentation, style, table, text as odftext
from odf.namespaces import PRESENTATIONNS
from odf.opendocument import OpenDocumentPresentation, OpenDocumentSpreadsheet, OpenDocumentText
from pptx import Presentation
from pptx.util import Inches

sources = json.loads(Path(sys.argv[1]).read_text())
out = Path(sys.argv[2])
texts = {text["name"]: text for text in sources["texts"]}
decks = {deck["name"]: deck for deck in sources["decks"]}
books = {book["name"]: book for book in sources["books"]}


def plain(block):
    return "".join(run["text"] for run in block["runs"])


# DOCX


def add_list(document, block, level):
    style_name = "List Number" if block["ordered"] else "List Bullet"
    for item in block["items"]:
        document.add_paragraph(item["text"], style=style_name if level == 1 else f"{style_name} {level}")
        if "list" in item:
            add_list(document, item["list"], level + 1)


def add_hyperlink(document, paragraph, run):
    link = OxmlElement("w:hyperlink")
    relation = document.part.relate_to(run["href"], "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink", is_external=True)
    link.set(qn("r:id"), relation)
    link.append(paragraph.add_run(run["text"])._r)
    paragraph._p.append(link)


def docx(name):
    document = Document()
    document.core_properties.title = texts[name]["title"]
    footnotes = []
    for block in texts[name]["blocks"]:
        if block["kind"] == "heading":
            document.add_heading(block["text"], block["level"])
        elif block["kind"] == "paragraph":
            paragraph = document.add_paragraph()
            for run in block["runs"]:
                if "href" in run:
                    add_hyperlink(document, paragraph, run)
                else:
                    made = paragraph.add_run(run["text"])
                    made.bold, made.italic = run.get("bold"), run.get("italic")
            if "footnote" in block:
                footnotes.append(block["footnote"])
        elif block["kind"] == "list":
            add_list(document, block, 1)
        elif block["kind"] == "code":
            document.add_paragraph(block["text"])
        elif block["kind"] == "table":
            grid = document.add_table(rows=0, cols=len(block["rows"][0]), style="Table Grid")
            for row in block["rows"]:
                for cell, value in zip(grid.add_row().cells, row):
                    cell.text = value
    # python-docx knows no footnotes: they stand at the end.
    for footnote in footnotes:
        document.add_paragraph(footnote)
    document.save(out / f"{name}.python-docx.docx")


def docx_of_an_editor():
    """What editors leave behind: tracked changes, a text box told twice, a field, hidden text, merged cells, a header and a footer."""
    document = Document()
    section = document.sections[0]
    section.header.paragraphs[0].text = "Minutes of the bell society"
    section.footer.paragraphs[0].text = "Confidential until Easter"
    document.add_heading("Minutes of the ninth meeting", 1)
    word = nsdecls("w")
    body = document.element.body
    last = body.sectPr

    def add(xml):
        last.addprevious(parse_xml(xml))

    add(f'<w:p {word}><w:r><w:t xml:space="preserve">The tenor bell shall be rung </w:t></w:r><w:del w:id="1" w:author="A"><w:r><w:delText>never</w:delText></w:r></w:del>'
        '<w:ins w:id="2" w:author="B"><w:r><w:t>on Sundays</w:t></w:r></w:ins><w:r><w:t xml:space="preserve"> at ten.</w:t></w:r></w:p>')
    add(f'<w:p {word}><w:r><w:t xml:space="preserve">Present: </w:t></w:r><w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText>NUMPAGES</w:instrText></w:r>'
        '<w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>seventeen members</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r></w:p>')
    add(f'<w:p {word}><w:r><w:t>Visible remark.</w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>Unseen remark.</w:t></w:r></w:p>')
    box = '<w:txbxContent><w:p><w:r><w:t>Ropes are to be waxed by Michaelmas.</w:t></w:r></w:p></w:txbxContent>'
    add(f'<w:p {word} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
        'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main">'
        '<w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wp:anchor><a:graphic><a:graphicData uri="http://schemas.microsoft.com/office/word/2010/wordprocessingShape">'
        f'<wps:wsp><wps:txbx>{box}</wps:txbx></wps:wsp></a:graphicData></a:graphic></wp:anchor></w:drawing></mc:Choice>'
        f'<mc:Fallback><w:pict><v:shape><v:textbox>{box}</v:textbox></v:shape></w:pict></mc:Fallback></mc:AlternateContent></w:r></w:p>')
    grid = document.add_table(rows=3, cols=3, style="Table Grid")
    values = [["Bell", "Note", "Weight"], ["Treble", "E", "6 cwt"], ["Tenor", "D", "18 cwt"]]
    for row, row_values in zip(grid.rows, values):
        for cell, value in zip(row.cells, row_values):
            cell.text = value
    merged = grid.add_row().cells
    merged[0].merge(merged[2]).text = "Weights as cast in 1786"
    document.add_paragraph("Signed for the ringers by Dorothea Whitlock.")
    document.save(out / "bell-society.python-docx.docx")


# XLSX, XLS, ODS


def spelled(cell):
    """(value, number format, formula) of a cell."""
    if not isinstance(cell, dict):
        return cell, None, None
    if "formula" in cell:
        return cell["value"], "#,##0.00" if cell.get("format") == "money" else None, cell["formula"]
    if "money" in cell:
        return cell["money"], "#,##0.00", None
    if "percent" in cell:
        return cell["percent"], "0.0%", None
    if "bool" in cell:
        return cell["bool"], None, None
    if "date" in cell:
        return datetime.datetime.fromisoformat(cell["date"]), "yyyy-mm-dd", None
    return datetime.datetime.fromisoformat(cell["datetime"]), "yyyy-mm-dd hh:mm", None


def xlsx_by_openpyxl(name):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for sheet in books[name]["sheets"]:
        page = book.create_sheet(sheet["name"])
        for row_index, row in enumerate(sheet["rows"], 1):
            for column_index, cell in enumerate(row, 1):
                value, number_format, _ = spelled(cell)
                made = page.cell(row_index, column_index, value)
                if number_format:
                    made.number_format = number_format
        for span in sheet.get("merge", []):
            page.merge_cells(span)
    book.save(out / f"{name}.openpyxl.xlsx")


def xlsx_by_xlsxwriter(name):
    book = xlsxwriter.Workbook(out / f"{name}.xlsxwriter.xlsx")
    formats = {}
    for sheet in books[name]["sheets"]:
        page = book.add_worksheet(sheet["name"])
        for row_index, row in enumerate(sheet["rows"]):
            for column_index, cell in enumerate(row):
                value, number_format, formula = spelled(cell)
                if number_format and number_format not in formats:
                    formats[number_format] = book.add_format({"num_format": number_format})
                face = formats.get(number_format)
                if value is None:
                    continue
                if formula:
                    page.write_formula(row_index, column_index, f"={formula}", face, value)
                elif isinstance(value, datetime.datetime):
                    page.write_datetime(row_index, column_index, value, face)
                else:
                    page.write(row_index, column_index, value, face)
        for span in sheet.get("merge", []):
            page.merge_range(span, sheet["rows"][0][0])
    book.close()


def xls_by_xlwt(name):
    book = xlwt.Workbook(encoding="utf-8")
    for sheet in books[name]["sheets"]:
        page = book.add_sheet(sheet["name"])
        for row_index, row in enumerate(sheet["rows"]):
            for column_index, cell in enumerate(row):
                value, number_format, _ = spelled(cell)
                if value is not None:
                    page.write(row_index, column_index, value, xlwt.easyxf(num_format_str=number_format or "General"))
    book.save(str(out / f"{name}.xlwt.xls"))


def ods_by_odfpy(name):
    document = OpenDocumentSpreadsheet()
    for sheet in books[name]["sheets"]:
        page = table.Table(name=sheet["name"])
        for row in sheet["rows"]:
            line = table.TableRow()
            for cell in row:
                value, _, _ = spelled(cell)
                shown = sources["shown"][json.dumps(cell, ensure_ascii=False, separators=(",", ":"))]
                if value is None:
                    line.addElement(table.TableCell())
                    continue
                if isinstance(value, bool):
                    made = table.TableCell(valuetype="boolean", booleanvalue=str(value).lower())
                elif isinstance(value, (int, float)):
                    made = table.TableCell(valuetype="float", value=value)
                elif isinstance(value, datetime.datetime):
                    made = table.TableCell(valuetype="date", datevalue=value.isoformat())
                else:
                    made = table.TableCell(valuetype="string")
                made.addElement(odftext.P(text=shown))
                line.addElement(made)
            # What spreadsheet programs write after the last cell, up to their edge.
            line.addElement(table.TableCell(numbercolumnsrepeated=1000))
            page.addElement(line)
        empty = table.TableRow(numberrowsrepeated=1048000)
        empty.addElement(table.TableCell(numbercolumnsrepeated=1024))
        page.addElement(empty)
        document.spreadsheet.addElement(page)
    document.save(str(out / f"{name}.odfpy.ods"))


# PPTX, ODP


def pptx(name):
    deck = Presentation()
    deck.core_properties.title = decks[name]["title"]
    for slide in decks[name]["slides"]:
        page = deck.slides.add_slide(deck.slide_layouts[1 if "bullets" in slide else 5])
        page.shapes.title.text = slide["title"]
        if "bullets" in slide:
            frame = page.placeholders[1].text_frame
            frame.text = slide["bullets"][0]
            for bullet in slide["bullets"][1:]:
                frame.add_paragraph().text = bullet
        if "table" in slide:
            rows = slide["table"]
            grid = page.shapes.add_table(len(rows), len(rows[0]), Inches(1), Inches(2), Inches(8), Inches(3)).table
            for row_index, row in enumerate(rows):
                for column_index, value in enumerate(row):
                    grid.cell(row_index, column_index).text = value
        if "group" in slide:
            group = page.shapes.add_group_shape()
            for index, value in enumerate(slide["group"]):
                group.shapes.add_textbox(Inches(1 + 3 * index), Inches(6), Inches(3), Inches(0.5)).text_frame.text = value
        if "notes" in slide:
            page.notes_slide.notes_text_frame.text = slide["notes"]
    deck.save(out / f"{name}.python-pptx.pptx")


def odp_by_odfpy(name):
    document = OpenDocumentPresentation()
    layout = style.PageLayout(name="Layout")
    layout.addElement(style.PageLayoutProperties(pagewidth="720pt", pageheight="540pt", printorientation="landscape"))
    document.automaticstyles.addElement(layout)
    master = style.MasterPage(name="Master", pagelayoutname=layout)
    document.masterstyles.addElement(master)
    for index, slide in enumerate(decks[name]["slides"], 1):
        page = draw.Page(name=f"Page {index}", masterpagename=master)
        document.presentation.addElement(page)

        def add_box(lines, y, kind=None):
            frame = draw.Frame(width="640pt", height="80pt", x="40pt", y=f"{y}pt")
            if kind:
                frame.setAttrNS(PRESENTATIONNS, "class", kind)
            box = draw.TextBox()
            for line in lines:
                box.addElement(odftext.P(text=line))
            frame.addElement(box)
            page.addElement(frame)

        add_box([slide["title"]], 20, "title")
        if "bullets" in slide:
            add_box(slide["bullets"], 120, "outline")
        if "table" in slide:
            frame = draw.Frame(width="640pt", height="200pt", x="40pt", y="200pt")
            grid = table.Table()
            for row in slide["table"]:
                line = table.TableRow()
                for value in row:
                    cell = table.TableCell()
                    cell.addElement(odftext.P(text=value))
                    line.addElement(cell)
                grid.addElement(line)
            frame.addElement(grid)
            page.addElement(frame)
        if "group" in slide:
            add_box(slide["group"], 420)
        if "notes" in slide:
            notes = presentation.Notes()
            frame = draw.Frame(width="400pt", height="200pt", x="60pt", y="300pt")
            frame.setAttrNS(PRESENTATIONNS, "class", "notes")
            box = draw.TextBox()
            box.addElement(odftext.P(text=slide["notes"]))
            frame.addElement(box)
            notes.addElement(frame)
            page.addElement(notes)
    document.save(str(out / f"{name}.odfpy.odp"))


# ODT, EPUB


def odt_by_odfpy(name):
    document = OpenDocumentText()
    notes = 0
    for block in texts[name]["blocks"]:
        if block["kind"] == "heading":
            document.text.addElement(odftext.H(outlinelevel=block["level"], text=block["text"]))
        elif block["kind"] == "paragraph":
            paragraph = odftext.P()
            for run in block["runs"]:
                paragraph.addElement(odftext.Span(text=run["text"]))
            if "footnote" in block:
                notes += 1
                note = odftext.Note(noteclass="footnote", id=f"ftn{notes}")
                note.addElement(odftext.NoteCitation(text=str(notes)))
                body = odftext.NoteBody()
                body.addElement(odftext.P(text=block["footnote"]))
                note.addElement(body)
                paragraph.addElement(note)
            document.text.addElement(paragraph)
        elif block["kind"] == "list":
            made = odftext.List()
            for item in block["items"]:
                entry = odftext.ListItem()
                entry.addElement(odftext.P(text=item["text"]))
                made.addElement(entry)
            document.text.addElement(made)
        elif block["kind"] == "table":
            grid = table.Table(name="Table")
            grid.addElement(table.TableColumn(numbercolumnsrepeated=len(block["rows"][0])))
            for row in block["rows"]:
                line = table.TableRow()
                for value in row:
                    cell = table.TableCell(valuetype="string")
                    cell.addElement(odftext.P(text=value))
                    line.addElement(cell)
                grid.addElement(line)
            document.text.addElement(grid)
    document.save(str(out / f"{name}.odfpy.odt"))


def epub_by_ebooklib(name):
    """Each chapter a file; the spine's order is not that of the names."""
    source = texts[name]
    book = epub.EpubBook()
    book.set_identifier(f"corpus-{name}")
    book.set_title(source["title"])
    book.set_language(source["languages"][0])
    chapters = sources["chapters"][name]
    items = []
    for index, chapter in enumerate(chapters):
        item = epub.EpubHtml(title=chapter["title"], file_name=f"part-{len(chapters) - index}.xhtml", lang=source["languages"][0])
        item.content = chapter["html"]
        book.add_item(item)
        items.append(item)
    book.toc = items
    book.add_item(epub.EpubNcx())
    book.add_item(epub.EpubNav())
    book.spine = ["nav", *items]
    epub.write_epub(str(out / f"{name}.ebooklib.epub"), book)


for source_name in ("tide-tables", "library-night", "four-desks"):
    docx(source_name)
docx_of_an_editor()
xlsx_by_openpyxl("allotments")
xlsx_by_openpyxl("kiosk")
xlsx_by_xlsxwriter("tea-stock")
xlsx_by_xlsxwriter("allotments")
xls_by_xlwt("kiosk")
ods_by_odfpy("tea-stock")
for source_name in decks:
    pptx(source_name)
odp_by_odfpy("polar-school")
odt_by_odfpy("winter-garden")
for source_name in sources["chapters"]:
    epub_by_ebooklib(source_name)
