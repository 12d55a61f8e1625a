//! The picture as SVG: one file without scripts, fonts or references, for pages, reports and mails.

use std::fmt::Write as _;

use super::label;
use super::layout::{Figure, Item, Line, Placed, Shape, lay_out};
use super::marks::{Mark, Marks, Outcome};
use crate::asl::definition::StateMachine;

/// Room around everything.
const MARGIN: f64 = 12.0;

/// Draws a machine; `marks` colours the states that an execution entered.
#[must_use]
pub fn svg(machine: &StateMachine, marks: &Marks) -> String {
    let scene = lay_out(machine, marks);
    let (width, height) = (scene.size.0 + 2.0 * MARGIN, scene.size.1 + 2.0 * MARGIN);
    let mut out = String::new();
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"State machine\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"{0:.0} {0:.0} {width:.0} {height:.0}\" font-family=\"system-ui, sans-serif\" font-size=\"13\">",
        -MARGIN
    );
    out.push_str(
        "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#555\"/></marker></defs>\n",
    );
    let _ = writeln!(
        out,
        "<rect x=\"{0:.0}\" y=\"{0:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" fill=\"#fff\"/>",
        -MARGIN
    );
    for item in &scene.items {
        match item {
            Item::Figure(placed) => figure(&mut out, placed),
            Item::Line(line) => path(&mut out, line),
        }
    }
    for item in &scene.items {
        if let Item::Line(line) = item {
            words(&mut out, line);
        }
    }
    out.push_str("</svg>\n");
    out
}

fn figure(out: &mut String, ((x, y, w, h), figure): &Placed) {
    let (cx, cy, r) = (x + w / 2.0, y + h / 2.0, w / 2.0);
    match figure {
        Figure::Block => {
            let _ = writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"6\" fill=\"none\" stroke=\"#bbb\" stroke-dasharray=\"4 3\"/>"
            );
        }
        Figure::Start => {
            let _ = writeln!(
                out,
                "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"{r:.1}\" fill=\"#555\"/>"
            );
        }
        Figure::End => {
            let inner = r - 4.0;
            let _ = writeln!(
                out,
                "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"{r:.1}\" fill=\"#fff\" stroke=\"#555\" stroke-width=\"2\"/><circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"{inner:.1}\" fill=\"#555\"/>"
            );
        }
        Figure::State {
            name,
            kind,
            shape,
            mark,
        } => state(out, (*x, *y, *w, *h), (name, kind), (*shape, *mark)),
    }
}

fn state(
    out: &mut String,
    (x, y, w, h): (f64, f64, f64, f64),
    (name, kind): (&str, &str),
    (shape, mark): (Shape, Option<Mark>),
) {
    let (fill, stroke) = mark.map_or(("#f7f7f7", "#777"), |mark| colours(mark.outcome));
    let outcome = mark.map_or("", |mark| mark.outcome.as_str());
    let _ = write!(out, "<g data-outcome=\"{outcome}\"><title>{}", escape(name));
    if let Some(mark) = mark {
        let _ = write!(out, ": {outcome}, entered {} times", mark.entered);
    }
    out.push_str("</title>");
    let style = format!("fill=\"{fill}\" stroke=\"{stroke}\" stroke-width=\"1.5\"");
    let (right, bottom, middle) = (x + w, y + h, y + h / 2.0);
    match shape {
        Shape::Choice => {
            let (inset, from_right) = (x + 12.0, right - 12.0);
            let _ = write!(
                out,
                "<path d=\"M{x:.1} {middle:.1}L{inset:.1} {y:.1}H{from_right:.1}L{right:.1} {middle:.1}L{from_right:.1} {bottom:.1}H{inset:.1}z\" {style}/>"
            );
        }
        Shape::Plain | Shape::Final | Shape::Frame => {
            let radius = if shape == Shape::Final { h / 2.0 } else { 6.0 };
            let fill = if shape == Shape::Frame && mark.is_none() {
                "fill=\"#fff\" stroke=\"#777\" stroke-width=\"1.5\""
            } else {
                &style
            };
            let _ = write!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"{radius:.1}\" {fill}/>"
            );
        }
    }
    let times = match mark {
        Some(mark) if mark.entered > 1 => format!(" ×{}", mark.entered),
        _ => String::new(),
    };
    let centre = x + w / 2.0;
    let _ = writeln!(
        out,
        "<text x=\"{centre:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-weight=\"600\" fill=\"#111\">{}{times}</text><text x=\"{centre:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"11\" fill=\"#444\">{}</text></g>",
        y + 19.0,
        escape(&label::short(name)),
        y + 35.0,
        escape(kind),
    );
}

/// Fill and stroke. The outcome also stands in the title and in `data-outcome`: colour is not the only sign.
fn colours(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Succeeded => ("#d9f2d9", "#2e7d32"),
        Outcome::Caught => ("#ffe8cc", "#b35c00"),
        Outcome::Aborted => ("#e8e8e8", "#616161"),
        Outcome::Running => ("#d6e8fb", "#1565c0"),
        Outcome::Failed => ("#fbd9d9", "#c62828"),
    }
}

fn path(out: &mut String, line: &Line) {
    let Some((first, others)) = line.points.split_first() else {
        return;
    };
    let mut d = format!("M{:.1} {:.1}", first.0, first.1);
    let mut at = *first;
    for &(x, y) in others {
        if y > at.1 && (x - at.0).abs() > 0.05 {
            let middle = f64::midpoint(at.1, y);
            let _ = write!(
                d,
                "C{:.1} {middle:.1} {x:.1} {middle:.1} {x:.1} {y:.1}",
                at.0
            );
        } else {
            let _ = write!(d, "L{x:.1} {y:.1}");
        }
        at = (x, y);
    }
    let dashes = if line.catches {
        " stroke-dasharray=\"5 3\""
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "<path d=\"{d}\" fill=\"none\" stroke=\"#555\" stroke-width=\"1.3\"{dashes} marker-end=\"url(#arrow)\"/>"
    );
}

fn words(out: &mut String, line: &Line) {
    if let Some((text, (x, y))) = &line.label {
        let _ = writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-size=\"11\" fill=\"#333\" stroke=\"#fff\" stroke-width=\"3\" paint-order=\"stroke\">{}</text>",
            y + 4.0,
            escape(text)
        );
    }
}

/// A text as XML holds it: the five signs of markup, and nothing that XML 1.0 forbids.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
