"""An HTML page taken apart, strictly: a tag that is not closed where it was opened is an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import pairwise

VOID = {"meta", "link", "img", "input", "br", "hr"}


@dataclass
class Element:
    """A tag with what lies in it."""

    tag: str
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def walk(self) -> list[Element]:
        """This element and all below it."""
        return [self, *(below for child in self.children for below in child.walk())]

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.walk() if element.tag == tag]

    def says(self) -> str:
        """All text in it."""
        return " ".join([self.text, *(child.says() for child in self.children)])


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> says an attribute twice: {names}"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}> at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].text += data


def parsed(page: str) -> Element:
    """The page; AssertionError where it is not well nested."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    assert [e.tag for e in parser.open] == [""], f"left open: {[e.tag for e in parser.open]}"
    return parser.root


def flaws(page: str) -> list[str]:
    """What a self-contained, accessible page must not have."""
    root = parsed(page)
    every = root.walk()
    ids = [e.attributes["id"] for e in every if "id" in e.attributes]
    found = [f"id twice: {name}" for name in set(ids) if ids.count(name) > 1]
    for e in every:
        a = e.attributes
        found += [f"script in <{e.tag}>" for name in a if name.startswith("on")] + ["<script>"] * (
            e.tag == "script"
        )
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            target = a.get(name, "#")
            if target.startswith("#"):
                found += [f"{name} to nowhere: {target}"] if target[1:] and target[1:] not in ids else []
            elif not target.startswith("data:"):
                found.append(f"<{e.tag}> loads or leads to {target}")
        for name in ("for", "aria-labelledby"):
            found += [f"{name} to nowhere: {a[name]}"] if name in a and a[name] not in ids else []
        if e.tag == "img" and not a.get("alt"):
            found.append("picture without alt")
        if e.tag == "svg" and a.get("aria-hidden") != "true" and not a.get("aria-label"):
            found.append("svg that says nothing")
        if e.tag == "figure" and "failure looks like" not in " ".join(c.says() for c in e.all("figcaption")):
            found.append(f"figure without a word on failure: {e.says()[:60]}")
        if e.tag == "table" and not (
            e.all("caption") and all("scope" in th.attributes for th in e.all("th"))
        ):
            found.append("table without caption or scope")
        if e.tag == "input" and not any(
            o.attributes.get("for") == a.get("id") for o in every if o.tag == "label"
        ):
            found.append(f"input without label: {a.get('id')}")
    headings = [int(e.tag[1]) for e in every if e.tag in ("h1", "h2", "h3", "h4")]
    found += [f"heading {b} after {a}" for a, b in pairwise(headings) if b > a + 1]
    policy = [
        e.attributes for e in root.all("meta") if e.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    found += [] if policy and "default-src 'none'" in policy[0]["content"] else ["no policy"]
    return found
