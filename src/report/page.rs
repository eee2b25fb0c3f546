//! A writer of one page of HTML.

use crate::plot::{Picture, SVG_STYLE, escaped};

/// The style of the page: one column that fits a phone, both themes, and paper.
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;max-width:58rem;margin:0 auto;padding:1rem;color:#222;background:#fff}\
h1{font-size:1.5rem;line-height:1.2;overflow-wrap:anywhere}h2{font-size:1.15rem;margin:2.2rem 0 .5rem}\
p,.note{margin:.4rem 0;color:#555}pre{overflow-x:auto;background:#f4f4f4;padding:.6rem;\
font-size:.85rem;margin:.5rem 0}pre.command{white-space:pre-wrap;overflow-wrap:anywhere}\
.figures{display:flex;flex-wrap:wrap;gap:.5rem 2rem;margin:1rem 0}.figures b{display:block;font-size:1.4rem;color:#222}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}\
th,td{padding:.2rem .8rem .2rem 0;text-align:right;white-space:nowrap;vertical-align:top}\
th:first-child,td:first-child{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:6rem}\
th{border-bottom:1px solid #aaa;font-weight:600}tr.best td{font-weight:600}\
.bar{display:inline-block;height:.7rem;background:#0072b2}.bars td:last-child{width:40%;min-width:6rem;text-align:left}\
svg{max-width:100%;height:auto}ul{padding-left:1.2rem}\
@media(prefers-color-scheme:dark){body{color:#e8e8e8;background:#16181c}p,.note{color:#a8a8a8}pre{background:#22252a}\
.figures b{color:#e8e8e8}.bar{background:#56b4e9}}\
@media print{body{max-width:none;font-size:11pt}h2{break-after:avoid}svg,tr{break-inside:avoid}}";

/// The first characters of a page, by which a file is known as one.
pub const START: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"palmnet\">";

/// A page that grows.
pub(super) struct Page {
    title: String,
    body: String,
}

impl Page {
    pub fn new(title: &str) -> Page {
        Page { title: title.into(), body: format!("<h1>{}</h1>\n", escaped(title)) }
    }

    fn element(&mut self, name: &str, text: &str) {
        self.body += &["<", name, ">", &escaped(text), "</", name, ">\n"].concat();
    }

    pub fn heading(&mut self, text: &str) {
        self.element("h2", text);
    }

    /// Writes a paragraph.
    pub fn note(&mut self, text: &str) {
        self.element("p", text);
    }

    /// Writes lines as they are: a `table`, or a `command`, which may wrap.
    pub fn preformatted(&mut self, class: &str, text: &str) {
        self.body += &["<pre class=\"", class, "\">"].concat();
        for line in text.lines() {
            self.body += &(escaped(line) + "\n");
        }
        self.body += "</pre>\n";
    }

    /// Writes a list of the items, if there are any.
    pub fn list(&mut self, items: &[String]) {
        if items.is_empty() {
            return;
        }
        self.body += "<ul>\n";
        items.iter().for_each(|item| self.element("li", item));
        self.body += "</ul>\n";
    }

    /// Writes a few figures in large digits.
    pub fn figures(&mut self, figures: &mut dyn Iterator<Item = (&str, String)>) {
        self.body += "<div class=\"figures note\">\n";
        for (name, figure) in figures {
            self.body +=
                &["<span><b>", &figure, "</b>", &name.replace('_', " ").replace("r2", "R²"), "</span>\n"].concat();
        }
        self.body += "</div>\n";
    }

    /// Begins a table with the names of its columns, the first of which is one of text.
    pub fn begin_table(&mut self, class: &str, head: &[&str]) {
        self.body += &["<div class=\"wide\"><table class=\"", class, "\">\n"].concat();
        self.body += "<tr>";
        head.iter().for_each(|name| self.cell("th", name));
        self.body += "</tr>\n";
    }

    fn cell(&mut self, name: &str, text: &str) {
        self.body += &["<", name, ">", &escaped(text), "</", name, ">"].concat();
    }

    /// Writes a row. A best one is bold.
    pub fn row(&mut self, cells: &[String], is_best: bool) {
        self.body += if is_best { "<tr class=\"best\">" } else { "<tr>" };
        cells.iter().for_each(|cell| self.cell("td", cell));
        self.body += "</tr>\n";
    }

    /// Writes a row with a bar behind it, as long as a fraction from 0 to 1.
    pub fn row_with_bar(&mut self, cells: &[String], fraction: f64) {
        self.body += "<tr>";
        cells.iter().for_each(|cell| self.cell("td", cell));
        let percent = (fraction.clamp(0.0, 1.0) * 100.0).round();
        self.body += &format!("<td><span class=\"bar\" style=\"width:{percent}%\"></span></td></tr>\n");
    }

    pub fn end_table(&mut self) {
        self.body += "</table></div>\n";
    }

    pub fn picture(&mut self, picture: &Picture) {
        self.body += &picture.to_inline_svg();
    }

    pub fn finish(self) -> String {
        let title = escaped(&self.title);
        format!(
            "{START}\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
             <style>{STYLE}{SVG_STYLE}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
            self.body
        )
    }
}
