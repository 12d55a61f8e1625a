//! From blocks within blocks to shapes and lines on one plane.

use super::arrange::{Question, arrange};
use super::marks::{Mark, Marks};
use super::{Arrow, arrows_of, blocks_of, ends_block, kind_of, label};
use crate::asl::definition::{Block, Kind, State, StateMachine};

/// Height of a state that holds no block.
const STATE: f64 = 46.0;
/// Height of the head of a state that holds blocks.
const HEAD: f64 = 44.0;
/// Room around blocks within a state.
const PAD: f64 = 16.0;
/// Diameter of the circles at which a block begins and ends.
const CIRCLE: f64 = 18.0;
/// Width of a letter of a state's name, of its kind, and of an arrow's label.
const LETTERS: (f64, f64) = (7.8, 6.4);

/// Something that is drawn.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Figure {
    /// A state.
    State {
        /// Its whole name.
        name: String,
        /// What it is.
        kind: String,
        /// How it is drawn.
        shape: Shape,
        /// What became of it.
        mark: Option<Mark>,
    },
    /// A branch or an item's processor.
    Block,
    /// Where a block begins.
    Start,
    /// Where it ends.
    End,
}

/// Shapes of states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A rectangle.
    Plain,
    /// A rectangle with pointed sides: ways part here.
    Choice,
    /// A rectangle with round ends: the block ends here.
    Final,
    /// A frame around blocks.
    Frame,
}

/// A figure and where it is: left, top, width, height.
pub(super) type Placed = ((f64, f64, f64, f64), Figure);

/// An arrow.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) points: Vec<(f64, f64)>,
    /// When it is taken, and the middle of the place for that.
    pub(super) label: Option<(String, (f64, f64))>,
    /// Whether an error takes it.
    pub(super) catches: bool,
}

/// Something on the plane.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Figure(Placed),
    Line(Line),
}

/// All that is drawn, in a rectangle from (0, 0), in this order: what comes later lies above.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct Scene {
    pub(super) size: (f64, f64),
    pub(super) items: Vec<Item>,
}

/// Lays a machine out.
pub(super) fn lay_out(machine: &StateMachine, marks: &Marks) -> Scene {
    machine
        .blocks
        .first()
        .map_or_else(Scene::default, |first| block(machine, first, marks))
}

fn block(machine: &StateMachine, block: &Block, marks: &Marks) -> Scene {
    let mut tiles: Vec<Scene> = block
        .states
        .iter()
        .map(|state| tile(machine, state, marks))
        .collect();
    let mut arrows: Vec<Arrow> = Vec::new();
    for (n, state) in block.states.iter().enumerate() {
        arrows.extend(arrows_of(n, state));
    }
    let plain = |from: usize, to: usize| Arrow {
        from,
        to,
        label: None,
        catches: false,
    };
    let start = tiles.len();
    tiles.push(circle(Figure::Start));
    arrows.push(plain(start, block.start));
    let last = block.states.iter().enumerate();
    let last: Vec<usize> = last
        .filter(|(_, state)| ends_block(state))
        .map(|(n, _)| n)
        .collect();
    if !last.is_empty() {
        arrows.extend(last.iter().map(|n| plain(*n, tiles.len())));
        tiles.push(circle(Figure::End));
    }
    let sizes: Vec<(f64, f64)> = tiles.iter().map(|tile| tile.size).collect();
    let ends: Vec<(usize, usize, f64)> = arrows
        .iter()
        .map(|arrow| (arrow.from, arrow.to, label_width(arrow.label.as_deref())))
        .collect();
    let arranged = arrange(&Question {
        sizes: &sizes,
        arrows: &ends,
        start,
    });
    let mut scene = Scene {
        size: arranged.size,
        items: Vec::new(),
    };
    let lines = arrows.into_iter().zip(arranged.lines).zip(arranged.labels);
    for ((arrow, points), (x, y)) in lines {
        let width = label_width(arrow.label.as_deref());
        scene.size.0 = scene.size.0.max(x + width / 2.0);
        scene.items.push(Item::Line(Line {
            points,
            label: arrow.label.map(|label| (label, (x, y))),
            catches: arrow.catches,
        }));
    }
    // An arrow that goes back passes behind what stands beside its ends.
    for (tile, corner) in tiles.into_iter().zip(&arranged.corners) {
        scene.take(tile, *corner);
    }
    scene
}

fn label_width(label: Option<&str>) -> f64 {
    label.map_or(0.0, |label| letters(label) * LETTERS.1)
}

impl Scene {
    /// Puts another scene at a place of this one.
    fn take(&mut self, other: Self, (dx, dy): (f64, f64)) {
        self.items
            .extend(other.items.into_iter().map(|item| match item {
                Item::Figure(((x, y, w, h), figure)) => {
                    Item::Figure(((x + dx, y + dy, w, h), figure))
                }
                Item::Line(mut line) => {
                    let label = line.label.iter_mut().map(|(_, place)| place);
                    for point in line.points.iter_mut().chain(label) {
                        *point = (point.0 + dx, point.1 + dy);
                    }
                    Item::Line(line)
                }
            }));
    }
}

fn circle(figure: Figure) -> Scene {
    Scene {
        size: (CIRCLE, CIRCLE),
        items: vec![Item::Figure(((0.0, 0.0, CIRCLE, CIRCLE), figure))],
    }
}

/// One state with everything in it. Blocks nest at most as deep as the definition's reader allows.
fn tile(machine: &StateMachine, state: &State, marks: &Marks) -> Scene {
    let kind = kind_of(state);
    let mark = marks.get(&state.name);
    let name_width = letters(&label::short(&state.name)) * LETTERS.0;
    let badge = if mark.is_some_and(|mark| mark.entered > 1) {
        60.0
    } else {
        24.0
    };
    let text = (name_width + badge).max(letters(&kind) * LETTERS.1 + 24.0);
    let inner: Vec<Scene> = blocks_of(state)
        .into_iter()
        .filter_map(|number| machine.blocks.get(number))
        .map(|inner| block(machine, inner, marks))
        .collect();
    let figure = |shape| Figure::State {
        name: state.name.clone(),
        kind: kind.clone(),
        shape,
        mark,
    };
    if inner.is_empty() {
        let shape = match state.kind {
            Kind::Choice { .. } => Shape::Choice,
            Kind::Succeed | Kind::Fail { .. } => Shape::Final,
            _ => Shape::Plain,
        };
        let width = text + if shape == Shape::Plain { 0.0 } else { 24.0 };
        return Scene {
            size: (width, STATE),
            items: vec![Item::Figure(((0.0, 0.0, width, STATE), figure(shape)))],
        };
    }
    frame(inner, text, figure(Shape::Frame))
}

/// Blocks side by side within a frame.
fn frame(inner: Vec<Scene>, least_width: f64, figure: Figure) -> Scene {
    let blocks: f64 = inner.iter().map(|scene| scene.size.0 + 3.0 * PAD).sum();
    let width = least_width.max(blocks + PAD);
    let tallest = inner.iter().map(|scene| scene.size.1).fold(0.0, f64::max);
    let height = HEAD + tallest + 3.0 * PAD;
    let mut scene = Scene {
        size: (width, height),
        items: vec![Item::Figure(((0.0, 0.0, width, height), figure))],
    };
    let mut left = (width - blocks + PAD) / 2.0;
    for block in inner {
        let wide = block.size.0 + 2.0 * PAD;
        let place = (left, HEAD, wide, tallest + 2.0 * PAD);
        scene.items.push(Item::Figure((place, Figure::Block)));
        scene.take(block, (left + PAD, HEAD + PAD));
        left += wide + PAD;
    }
    scene
}

#[expect(clippy::cast_precision_loss, reason = "labels are short")]
fn letters(text: &str) -> f64 {
    text.chars().count() as f64
}
