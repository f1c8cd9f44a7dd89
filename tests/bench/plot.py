"""Line plots as SVG, with both axes logarithmic, so that a straight line of slope one is "twice as much for twice as many"."""
import math
import xml.sax.saxutils

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM, GAP = 420, 300, 60, 20, 40, 45, 20
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd")


def escape(text: str) -> str:
    return xml.sax.saxutils.escape(text)


class Axis:
    """Values to pixels."""

    def __init__(self, values, low: float, high: float):
        self.min, self.max = min(values), max(values)
        if self.min == self.max:
            self.min, self.max = self.min / 2, self.max * 2
        self.low, self.high = low, high

    def at(self, value: float) -> float:
        share = (math.log(value) - math.log(self.min)) / (math.log(self.max) - math.log(self.min))
        return self.low + share * (self.high - self.low)


def tick(value: float) -> str:
    return f"{value:.3g}"


def panel(title: str, x_label: str, curves: dict, left: float, top: float) -> list:
    """One plot; curves are lists of (x, y) by name, all more than 0."""
    xs = [x for points in curves.values() for x, _ in points]
    ys = [y for points in curves.values() for _, y in points]
    across = Axis(xs, left + LEFT, left + WIDTH - RIGHT)
    up = Axis(ys, top + HEIGHT - BOTTOM, top + TOP)
    out = [f'<text x="{left + LEFT}" y="{top + 20}" font-weight="bold">{escape(title)}</text>',
           f'<rect x="{across.low}" y="{up.high}" width="{across.high - across.low}" height="{up.low - up.high}" '
           f'fill="none" stroke="#999"/>',
           f'<text x="{(across.low + across.high) / 2}" y="{up.low + 35}" text-anchor="middle">{escape(x_label)}</text>']
    for x in sorted(set(xs)):
        out.append(f'<text x="{across.at(x):.1f}" y="{up.low + 16}" text-anchor="middle">{tick(x)}</text>')
    for y in (up.min, math.sqrt(up.min * up.max), up.max):
        out.append(f'<text x="{across.low - 5}" y="{up.at(y) + 4:.1f}" text-anchor="end">{tick(y)}</text>')
    for number, (name, points) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        line = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{across.at(x):.1f}" cy="{up.at(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
        out.append(f'<text x="{across.low + 8}" y="{up.high + 16 + 15 * number}" fill="{colour}">{escape(name)}</text>')
    return out


def svg(panels: list) -> str:
    """Panels of (title, label of x, curves), two in a row."""
    rows = (len(panels) + 1) // 2
    width, height = 2 * WIDTH + GAP, rows * (HEIGHT + GAP)
    body = []
    for number, (title, x_label, curves) in enumerate(panels):
        body += panel(title, x_label, curves, number % 2 * (WIDTH + GAP), number // 2 * (HEIGHT + GAP))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
            f'font-size="11">\n<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(body) + "\n</svg>\n")
