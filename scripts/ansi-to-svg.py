#!/usr/bin/env python3
"""ansi-to-svg.py TITLE <SCREEN >SVG: draws a terminal's screen as a picture.

SCREEN is text with colours as `tmux capture-pane -e -p -N` gives it; the same screen gives
the same picture. Text stays text, stretched to its cells, so that any monospaced font keeps
the grid; box-drawing lines and blocks are drawn as shapes, so that they meet.
"""

import re
import sys
import unicodedata
from collections import Counter, defaultdict
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 9, 19  # of a cell; odd, so that a line one wide lies in the middle
FONT_SIZE, BASELINE = 15, 14
FONTS = "'DejaVu Sans Mono','JetBrains Mono','Cascadia Mono',Menlo,Consolas,'Liberation Mono',monospace"
MARGIN, BAR, RADIUS = 9, 34, 10
BUTTONS = ("#f08a8a", "#e2bd74", "#9cc888")

# Where the screen names no colour: fog on slate of themes/dark.toml; the 16 are near its palette too.
FOREGROUND, BACKGROUND = "#d5d9e0", "#16191f"
ANSI = (
    "#20252d #f08a8a #9cc888 #e2bd74 #7fb8e8 #cd9fe0 #72c5bd #d5d9e0 "
    "#697384 #f5abab #b5d8a5 #edd19c #a3c3e0 #dcbceb #97d6d0 #ffffff"
).split()

TOKEN = re.compile(
    r"\x1b\[(?P<sgr>[\d;:]*)m"
    r"|\x1b\[[^@-~]*[@-~]|\x1b\].*?(?:\x07|\x1b\\)|\x1b.|[\x00-\x1f\x7f]"
    r"|(?P<text>.)"
)
SET = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}
UNSET = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",)}

# What box-drawing characters are made of: x, y, width, height within the cell.
LINES = {
    "─": [(0, 9, 9, 1)],
    "│": [(4, 0, 1, 19)],
    "┌": [(4, 9, 5, 1), (4, 9, 1, 10)],
    "┐": [(0, 9, 5, 1), (4, 9, 1, 10)],
    "└": [(4, 9, 5, 1), (4, 0, 1, 10)],
    "┘": [(0, 9, 5, 1), (4, 0, 1, 10)],
    "├": [(4, 9, 5, 1), (4, 0, 1, 19)],
    "┤": [(0, 9, 5, 1), (4, 0, 1, 19)],
    "┬": [(0, 9, 9, 1), (4, 9, 1, 10)],
    "┴": [(0, 9, 9, 1), (4, 0, 1, 10)],
    "┼": [(0, 9, 9, 1), (4, 0, 1, 19)],
    "┈": [(1, 9, 1, 1), (4, 9, 1, 1), (7, 9, 1, 1)],
    "┊": [(4, y, 1, 2) for y in (2, 7, 12, 16)],
    "═": [(0, 7, 9, 1), (0, 11, 9, 1)],
    "║": [(2, 0, 1, 19), (6, 0, 1, 19)],
    "╔": [(2, 7, 7, 1), (2, 7, 1, 12), (6, 11, 3, 1), (6, 11, 1, 8)],
    "╗": [(0, 7, 7, 1), (6, 7, 1, 12), (0, 11, 3, 1), (2, 11, 1, 8)],
    "╚": [(2, 11, 7, 1), (2, 0, 1, 12), (6, 7, 3, 1), (6, 0, 1, 8)],
    "╝": [(0, 11, 7, 1), (6, 0, 1, 12), (0, 7, 3, 1), (2, 0, 1, 8)],
}
# Round corners, as a path from a point within the cell.
CORNERS = {
    "╭": (4, 19, "v-5.5a4.5 4.5 0 0 1 4.5-4.5h.5v1h-.5a3.5 3.5 0 0 0-3.5 3.5v5.5z"),
    "╮": (5, 19, "v-5.5a4.5 4.5 0 0 0-4.5-4.5h-.5v1h.5a3.5 3.5 0 0 1 3.5 3.5v5.5z"),
    "╰": (4, 0, "v5.5a4.5 4.5 0 0 0 4.5 4.5h.5v-1h-.5a3.5 3.5 0 0 1-3.5-3.5v-5.5z"),
    "╯": (5, 0, "v5.5a4.5 4.5 0 0 1-4.5 4.5h-.5v-1h.5a3.5 3.5 0 0 0 3.5-3.5v-5.5z"),
}


class Style(NamedTuple):
    """What SGR has set; a colour that is None is the screen's own."""

    fg: str | None = None
    bg: str | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False


class Cell(NamedTuple):
    """A character with what is combined with it, in one column or two."""

    column: int
    width: int
    text: str
    style: Style


class Run(NamedTuple):
    """Text that is drawn at once."""

    column: int
    width: int
    text: str


# ---------------------------------------------------------------- reading ----


def indexed(index):
    """A colour of the 256."""
    if index < 16:
        return ANSI[index]
    if index >= 232:
        return "#" + f"{8 + 10 * (index - 232):02x}" * 3
    index -= 16
    parts = (index // 36, index // 6 % 6, index % 6)
    return "#" + "".join(f"{part and 55 + 40 * part:02x}" for part in parts)


def take_colour(codes):
    """Takes what follows 38, 48 or 58 off the codes."""
    if codes.pop(0) == 5:
        return indexed(codes.pop(0))
    rgb = [codes.pop(0) for _ in range(3)]
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def restyle(style, parameters):
    """The style after an SGR sequence. tmux parts the numbers of a colour by semicolons; 4:3 is a kind of underline."""
    codes = [int(code.split(":")[0] or 0) for code in parameters.split(";")]
    while codes:
        code = codes.pop(0)
        if code == 0:
            style = Style()
        elif code in SET:
            style = style._replace(**{SET[code]: True})
        elif code in UNSET:
            style = style._replace(**dict.fromkeys(UNSET[code], False))
        elif code in (38, 39):
            style = style._replace(fg=take_colour(codes) if code == 38 else None)
        elif code in (48, 49):
            style = style._replace(bg=take_colour(codes) if code == 48 else None)
        elif code == 58:
            take_colour(codes)
        elif code in range(30, 38) or code in range(90, 98):
            style = style._replace(fg=ANSI[code - 30 if code < 38 else code - 82])
        elif code in range(40, 48) or code in range(100, 108):
            style = style._replace(bg=ANSI[code - 40 if code < 48 else code - 92])
    return style


def read(screen):
    """The rows of cells. A style goes on over the ends of lines."""
    rows, style = [], Style()
    for line in screen.removesuffix("\n").split("\n"):
        row, column = [], 0
        for token in TOKEN.finditer(line):
            if token["sgr"] is not None:
                style = restyle(style, token["sgr"])
            elif not (text := token["text"]):
                continue
            elif unicodedata.category(text) in ("Mn", "Me", "Cf"):
                if row:
                    row[-1] = row[-1]._replace(text=row[-1].text + text)
            else:
                width = 2 if unicodedata.east_asian_width(text) in "WF" else 1
                row.append(Cell(column, width, text, style))
                column += width
        rows.append(row)
    return rows


# ---------------------------------------------------------------- drawing ----


def mix(one, other, part):
    """A colour with a part of another in it."""
    pairs = ((int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in pairs)


def colours(style):
    """Foreground and background as they are seen."""
    fg, bg = style.fg or FOREGROUND, style.bg or BACKGROUND
    if style.reverse:
        fg, bg = bg, fg
    return (mix(fg, bg, 0.5) if style.dim else fg), bg


def block(character):
    """The part of its cell that a block element fills, or None."""
    code = ord(character)
    if 0x2581 <= code <= 0x2588:
        height = HEIGHT * (code - 0x2580) / 8
        return 0, HEIGHT - height, WIDTH, height
    if 0x2589 <= code <= 0x258F:
        return 0, 0, WIDTH * (0x2590 - code) / 8, HEIGHT
    return {
        "▀": (0, 0, WIDTH, HEIGHT / 2),
        "▐": (WIDTH / 2, 0, WIDTH / 2, HEIGHT),
        "▔": (0, 0, WIDTH, HEIGHT / 8),
        "▕": (WIDTH * 7 / 8, 0, WIDTH / 8, HEIGHT),
    }.get(character)


def merged(rectangles):
    """The same area in fewer rectangles: those that meet sideways made one, then those that meet upright."""
    for along, across in ((0, 1), (1, 0)):
        size, other = along + 2, across + 2
        joined = []
        for new in sorted(rectangles, key=lambda r: (r[across], r[other], r[along])):
            last = joined[-1] if joined else None
            if last and all(last[i] == new[i] for i in (across, other)) and last[along] + last[size] == new[along]:
                last[size] += new[size]
            else:
                joined.append(list(new))
        rectangles = joined
    return rectangles


def number(value):
    return f"{value:.3f}".rstrip("0").rstrip(".")


def filled(rectangles, corners):
    """Paths, one a colour."""
    for colour in sorted({*rectangles, *corners}):
        shapes = [
            f"M{number(x)} {number(y)}h{number(w)}v{number(h)}h-{number(w)}z"
            for x, y, w, h in merged(rectangles.get(colour, []))
        ]
        yield f'<path fill="{colour}" d="{"".join(shapes + corners.get(colour, []))}"/>'


def lay_out(rows, window):
    """What there is to draw: backgrounds, lines and blocks, corners, and text by its looks and row."""
    backgrounds, shapes, corners = defaultdict(list), defaultdict(list), defaultdict(list)
    texts = defaultdict(list)
    for line, row in enumerate(rows):
        y = line * HEIGHT
        run = run_looks = None
        for cell in row:
            x = cell.column * WIDTH
            fg, bg = colours(cell.style)
            if bg != window:
                backgrounds[bg].append((x, y, cell.width * WIDTH, HEIGHT))
            if cell.style.underline:
                shapes[fg].append((x, y + BASELINE + 2, cell.width * WIDTH, 1))
            if cell.text == " ":
                continue
            # Without what is combined with it.
            character = cell.text[0]
            if parts := LINES.get(character) or (part := block(character)) and [part]:
                shapes[fg] += [(x + dx, y + dy, w, h) for dx, dy, w, h in parts]
                continue
            if character in CORNERS:
                dx, dy, path = CORNERS[character]
                corners[fg].append(f"M{x + dx} {y + dy}{path}")
                continue
            # What a font may lack, or have in another width, is stretched to its own cells.
            alone = cell.width == 2 or ord(character) >= 0x2190
            looks = (fg, cell.style.bold, cell.style.italic)
            gap = cell.column - run.column - run.width if run else 0
            if run and looks == run_looks and gap <= 1 and not alone:
                run = Run(run.column, run.width + gap + 1, run.text + " " * gap + cell.text)
                texts[looks][-1] = (line, run)
            else:
                run, run_looks = Run(cell.column, cell.width, cell.text), looks
                texts[looks].append((line, run))
                run = None if alone else run
    return backgrounds, shapes, corners, texts


def written(texts):
    """Text, grouped by its looks."""
    for (colour, bold, italic), runs in texts.items():
        looks = f'fill="{colour}"'
        looks += ' font-weight="bold"' * bold + ' font-style="italic"' * italic
        yield f"<g {looks}>"
        for line, run in runs:
            yield (
                f'<text x="{run.column * WIDTH}" y="{line * HEIGHT + BASELINE}" textLength="{run.width * WIDTH}"'
                f' lengthAdjust="spacingAndGlyphs">{escape(run.text)}</text>'
            )
        yield "</g>"


def draw(rows, title):
    """The lines of the picture."""
    window = Counter(colours(cell.style)[1] for row in rows for cell in row).most_common(1)[0][0]
    columns = max(cell.column + cell.width for row in rows for cell in row)
    width, height = columns * WIDTH + 2 * MARGIN, len(rows) * HEIGHT + BAR + MARGIN
    ink = FOREGROUND if int(window[3:5], 16) < 128 else BACKGROUND
    backgrounds, shapes, corners, texts = lay_out(rows, window)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' role="img" font-family="{FONTS}" font-size="{FONT_SIZE}" xml:space="preserve">'
    )
    yield f"<title>{escape(title)}</title>"
    yield (
        f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="{RADIUS}"'
        f' fill="{window}" stroke="{mix(window, ink, 0.25)}"/>'
    )
    for place, button in enumerate(BUTTONS):
        yield f'<circle cx="{20 + 20 * place}" cy="{BAR // 2}" r="6" fill="{button}"/>'
    yield (
        f'<text x="{width / 2:g}" y="{BAR // 2 + 5}" text-anchor="middle" font-size="13"'
        f' fill="{mix(window, ink, 0.6)}">{escape(title)}</text>'
    )
    yield f'<g transform="translate({MARGIN} {BAR})">'
    yield from filled(backgrounds, {})
    yield from filled(shapes, corners)
    yield from written(texts)
    yield "</g>"
    yield "</svg>"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rows = read(sys.stdin.read())
    if not any(rows):
        sys.exit("ansi-to-svg: the screen is empty")
    print("\n".join(draw(rows, sys.argv[1])))


if __name__ == "__main__":
    main()
