//! Where the states of one block stand: layers from top to bottom, after Sugiyama's method.
//!
//! Knows nodes only by number and size. Steps: arrows that go back are found, every node gets the layer behind the last
//! of those that lead to it, arrows over several layers get a narrow node in each layer that they pass, layers are put
//! into an order with few crossings, and nodes are moved towards those that lead to them.

use std::collections::HashMap;

/// Room between nodes of a layer.
const GAP: f64 = 28.0;
/// Room above and below a layer.
const LAYER_GAP: f64 = 20.0;
/// Width of the node that stands for a passing arrow.
const PASSING: f64 = 14.0;
/// Height of a label.
const LABEL: f64 = 14.0;
/// Room between arrows that go back, at the right side.
const LANE: f64 = 14.0;
/// Most nodes for passing arrows; arrows beyond go straight.
const MOST_PASSING: usize = 20_000;
/// Rounds of looking for a better order.
const ROUNDS: usize = 6;

/// A block's nodes and arrows.
pub(super) struct Question<'a> {
    /// Width and height of each node.
    pub(super) sizes: &'a [(f64, f64)],
    /// Arrows between nodes, each with the width of its label, 0 if it has none.
    pub(super) arrows: &'a [(usize, usize, f64)],
    /// The node where walks begin.
    pub(super) start: usize,
}

/// Where everything stands, in a rectangle from (0, 0).
pub(super) struct Arranged {
    /// Width and height of all.
    pub(super) size: (f64, f64),
    /// Left upper corner of each node.
    pub(super) corners: Vec<(f64, f64)>,
    /// Points of each arrow, from its beginning to its end.
    pub(super) lines: Vec<Vec<(f64, f64)>>,
    /// The middle of each arrow's label.
    pub(super) labels: Vec<(f64, f64)>,
}

struct Node {
    width: f64,
    height: f64,
    /// Whether it only keeps room for an arrow.
    passing: bool,
    layer: usize,
    /// Position within the layer.
    order: usize,
    /// Middle.
    x: f64,
    top: f64,
    /// Top and height of its layer.
    band: (f64, f64),
    /// Nodes of the layer above that lead here, and of the layer below that it leads to.
    above: Vec<usize>,
    below: Vec<usize>,
}

/// Arranges a block.
pub(super) fn arrange(question: &Question<'_>) -> Arranged {
    let back = back_arrows(question);
    let layers = layers(question, &back);
    let mut nodes: Vec<Node> = question
        .sizes
        .iter()
        .zip(layers)
        .map(|(&(width, height), layer)| Node::new((width, height), layer))
        .collect();
    let passing = pass_layers(&mut nodes, question, &back);
    let mut rows = order(&mut nodes);
    place(&mut nodes, &mut rows);
    lines(&nodes, (question, &back, &passing))
}

impl Node {
    fn new((width, height): (f64, f64), layer: usize) -> Self {
        Self {
            width,
            height,
            passing: false,
            layer,
            order: 0,
            x: 0.0,
            top: 0.0,
            band: (0.0, 0.0),
            above: Vec::new(),
            below: Vec::new(),
        }
    }
}

/// Which arrows close a circle, as met on a walk from the start.
fn back_arrows(question: &Question<'_>) -> Vec<bool> {
    let count = question.sizes.len();
    let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (n, (from, ..)) in question.arrows.iter().enumerate() {
        leaving[*from].push(n);
    }
    let mut back = vec![false; question.arrows.len()];
    // 0: not met, 1: on the way, 2: done.
    let mut met = vec![0_u8; count];
    for first in std::iter::once(question.start).chain(0..count) {
        if met[first] != 0 {
            continue;
        }
        met[first] = 1;
        let mut way = vec![(first, 0)];
        while let Some((at, next)) = way.pop() {
            let Some(&arrow) = leaving[at].get(next) else {
                met[at] = 2;
                continue;
            };
            way.push((at, next + 1));
            let to = question.arrows[arrow].1;
            match met[to] {
                0 => {
                    met[to] = 1;
                    way.push((to, 0));
                }
                1 => back[arrow] = true,
                _ => {}
            }
        }
    }
    back
}

/// The layer of each node: two below the lowest of those that lead to it. Layers between are for labels.
fn layers(question: &Question<'_>, back: &[bool]) -> Vec<usize> {
    let count = question.sizes.len();
    let forward = || question.arrows.iter().zip(back).filter(|(_, back)| !**back);
    let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut awaited = vec![0_usize; count];
    for ((from, to, _), _) in forward() {
        leaving[*from].push(*to);
        awaited[*to] += 1;
    }
    let mut layers = vec![0; count];
    let mut ready: Vec<usize> = (0..count).filter(|n| awaited[*n] == 0).collect();
    while let Some(at) = ready.pop() {
        for &to in &leaving[at] {
            layers[to] = layers[to].max(layers[at] + 2);
            awaited[to] -= 1;
            if awaited[to] == 0 {
                ready.push(to);
            }
        }
    }
    layers
}

/// Gives arrows a node in each layer that they pass; notes for each arrow which.
fn pass_layers(nodes: &mut Vec<Node>, question: &Question<'_>, back: &[bool]) -> Vec<Vec<usize>> {
    let first_passing = nodes.len();
    let mut passing = vec![Vec::new(); question.arrows.len()];
    for (n, &(from, to, label)) in question.arrows.iter().enumerate() {
        let (top, bottom) = (nodes[from].layer, nodes[to].layer);
        if back[n] || bottom <= top || nodes.len() - first_passing > MOST_PASSING {
            continue;
        }
        let mut last = from;
        for layer in top + 1..bottom {
            let mut node = Node::new((PASSING, 0.0), layer);
            node.passing = true;
            if layer == top + 1 && label > 0.0 {
                (node.width, node.height) = (label.max(PASSING), LABEL);
            }
            node.above.push(last);
            let id = nodes.len();
            nodes.push(node);
            nodes[last].below.push(id);
            passing[n].push(id);
            last = id;
        }
        nodes[last].below.push(to);
        nodes[to].above.push(last);
    }
    passing
}

/// Puts each layer into an order with few crossings; gives the layers.
fn order(nodes: &mut [Node]) -> Vec<Vec<usize>> {
    let count = nodes.iter().map(|node| node.layer + 1).max().unwrap_or(0);
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (n, node) in nodes.iter().enumerate() {
        rows[node.layer].push(n);
    }
    let number = |nodes: &mut [Node], row: &[usize]| {
        for (order, n) in row.iter().enumerate() {
            nodes[*n].order = order;
        }
    };
    for row in &rows {
        number(nodes, row);
    }
    for round in 0..ROUNDS {
        let down = round % 2 == 0;
        let sweep: Vec<usize> = if down {
            (0..count).collect()
        } else {
            (0..count).rev().collect()
        };
        for layer in sweep {
            let wish: HashMap<usize, f64> = rows[layer]
                .iter()
                .map(|&n| {
                    let node = &nodes[n];
                    let around = if down { &node.above } else { &node.below };
                    let orders = around.iter().map(|other| as_f64(nodes[*other].order));
                    (n, mean(orders).unwrap_or(as_f64(node.order)))
                })
                .collect();
            rows[layer].sort_by(|a, b| wish[a].total_cmp(&wish[b]));
            number(nodes, &rows[layer]);
        }
    }
    rows
}

/// Gives every node its middle and its top.
fn place(nodes: &mut [Node], rows: &mut [Vec<usize>]) {
    let mut top = 0.0;
    for row in rows.iter() {
        let height = row.iter().map(|n| nodes[*n].height).fold(0.0, f64::max);
        let mut x = 0.0;
        for &n in row {
            let node = &mut nodes[n];
            node.x = x + node.width / 2.0;
            x += node.width + GAP;
            node.band = (top, height);
            node.top = top + (height - node.height) / 2.0;
        }
        // All layers have their middle at 0.
        for &n in row {
            nodes[n].x -= (x - GAP) / 2.0;
        }
        top += height + LAYER_GAP;
    }
    for round in 0..ROUNDS {
        let down = round % 2 == 0;
        let sweep: Vec<usize> = if down {
            (0..rows.len()).collect()
        } else {
            (0..rows.len()).rev().collect()
        };
        for layer in sweep {
            draw_near(nodes, &rows[layer], down);
        }
    }
    let left = nodes.iter().map(|node| node.x - node.width / 2.0);
    let left = left.fold(f64::INFINITY, f64::min);
    for node in nodes {
        node.x -= left;
    }
}

/// Moves a layer's nodes towards those above (or below) them, without changing their order.
fn draw_near(nodes: &mut [Node], row: &[usize], down: bool) {
    let wishes: Vec<f64> = row
        .iter()
        .map(|&n| {
            let around = if down {
                &nodes[n].above
            } else {
                &nodes[n].below
            };
            mean(around.iter().map(|other| nodes[*other].x)).unwrap_or(nodes[n].x)
        })
        .collect();
    // From the left each stands where it wants or right of the one before; the mistake is then shared by all.
    let mut right = f64::NEG_INFINITY;
    let mut shift = 0.0;
    for (&n, wish) in row.iter().zip(&wishes) {
        let half = nodes[n].width / 2.0;
        let x = wish.max(right + GAP + half);
        nodes[n].x = x;
        right = x + half;
        shift += x - wish;
    }
    let shift = shift / as_f64(row.len().max(1));
    for &n in row {
        nodes[n].x -= shift;
    }
}

fn lines(
    nodes: &[Node],
    (question, back, passing): (&Question<'_>, &[bool], &[Vec<usize>]),
) -> Arranged {
    let right = nodes.iter().map(|node| node.x + node.width / 2.0);
    let mut width = right.fold(0.0, f64::max);
    let bottom = nodes.iter().map(|node| node.top + node.height);
    let height = bottom.fold(0.0, f64::max);
    let inner = width;
    let mut lines = Vec::with_capacity(question.arrows.len());
    let mut labels = Vec::with_capacity(question.arrows.len());
    for (n, &(from, to, _)) in question.arrows.iter().enumerate() {
        let (from, to) = (&nodes[from], &nodes[to]);
        if back[n] {
            width = width.max(inner) + LANE;
            let side = |node: &Node| node.x + node.width / 2.0;
            let (leave, reach) = (from.top + from.height * 0.65, to.top + to.height * 0.35);
            lines.push(vec![
                (side(from), leave),
                (width, leave),
                (width, reach),
                (side(to), reach),
            ]);
            labels.push((width, f64::midpoint(leave, reach)));
            continue;
        }
        // An arrow crosses a layer upright, beside what stands there, and bends only between layers.
        let mut points = vec![(from.x, from.top + from.height)];
        let mut upright = |node: &Node, (from, to): (f64, f64)| {
            points.push((node.x, from));
            points.push((node.x, to));
        };
        upright(from, (from.top + from.height, from.band.0 + from.band.1));
        for node in passing[n].iter().map(|at| &nodes[*at]) {
            upright(node, (node.band.0, node.band.0 + node.band.1));
        }
        upright(to, (to.band.0, to.top));
        points.dedup();
        let middle = passing[n].first().map(|at| &nodes[*at]);
        labels.push(middle.map_or((from.x, from.top + from.height), |node| {
            (node.x, node.band.0 + node.band.1 / 2.0)
        }));
        lines.push(points);
    }
    let corners = nodes.iter().take(question.sizes.len());
    Arranged {
        size: (width, height),
        corners: corners
            .map(|node| (node.x - node.width / 2.0, node.top))
            .collect(),
        lines,
        labels,
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    (count > 0.0).then(|| sum / count)
}

#[expect(clippy::cast_precision_loss, reason = "positions are far below 2^52")]
fn as_f64(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged(count: usize, arrows: &[(usize, usize)]) -> Arranged {
        let arrows: Vec<(usize, usize, f64)> = (0..)
            .zip(arrows)
            .map(|(n, (from, to))| (*from, *to, as_f64(n % 3) * 50.0))
            .collect();
        let sizes: Vec<(f64, f64)> = (0..count)
            .map(|n| (60.0 + as_f64(n % 5) * 40.0, 40.0 + as_f64(n % 3) * 30.0))
            .collect();
        arrange(&Question {
            sizes: &sizes,
            arrows: &arrows,
            start: 0,
        })
    }

    #[test]
    fn nothing_overlaps_and_arrows_go_down() {
        // Every graph of a simple congruential series: some with circles, some with far jumps.
        let mut seed = 12_345_u64;
        let mut next = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(seed >> 33).unwrap_or(0) % below
        };
        for _ in 0..200 {
            let count = 1 + next(30);
            let arrows: Vec<(usize, usize)> = (0..next(3 * count))
                .map(|_| (next(count), next(count)))
                .collect();
            let found = arranged(count, &arrows);
            let boxes: Vec<(f64, f64, f64, f64)> = found
                .corners
                .iter()
                .enumerate()
                .map(|(n, (x, y))| {
                    (
                        *x,
                        *y,
                        60.0 + as_f64(n % 5) * 40.0,
                        40.0 + as_f64(n % 3) * 30.0,
                    )
                })
                .collect();
            for (n, a) in boxes.iter().enumerate() {
                assert!(a.0 >= -0.01 && a.0 + a.2 <= found.size.0 + 0.01);
                for b in &boxes[n + 1..] {
                    let apart = a.0 + a.2 <= b.0 + 0.01
                        || b.0 + b.2 <= a.0 + 0.01
                        || a.1 + a.3 <= b.1 + 0.01
                        || b.1 + b.3 <= a.1 + 0.01;
                    assert!(apart, "{a:?} {b:?} {arrows:?}");
                }
            }
            for (line, (from, to)) in found.lines.iter().zip(&arrows) {
                let is_back = line.len() == 4 && line[1].0 == line[2].0 && line[0].0 < line[1].0;
                let down = line.windows(2).all(|pair| pair[0].1 <= pair[1].1);
                assert!(is_back || (from != to && down), "{line:?}");
            }
            for (n, a) in found.labels.iter().enumerate() {
                for (m, b) in found.labels.iter().enumerate().skip(n + 1) {
                    let is_back = |n: usize| {
                        found.lines[n].iter().any(|(x, _)| *x == found.labels[n].0)
                            && found.lines[n].len() == 4
                            && found.lines[n][0].1 > found.lines[n][3].1
                    };
                    let widths = (as_f64(n % 3) + as_f64(m % 3)) * 25.0;
                    let apart = (a.1 - b.1).abs() >= LABEL || (a.0 - b.0).abs() >= widths;
                    assert!(apart || is_back(n) || is_back(m), "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn a_chain_is_straight() {
        let found = arranged(3, &[(0, 1), (1, 2)]);
        let middles: Vec<f64> = found
            .corners
            .iter()
            .enumerate()
            .map(|(n, (x, _))| x + (60.0 + as_f64(n) * 40.0) / 2.0)
            .collect();
        assert!(
            middles.iter().all(|x| (x - middles[0]).abs() < 0.01),
            "{middles:?}"
        );
    }
}
