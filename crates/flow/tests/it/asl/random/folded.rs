//! What a history alone tells: how the execution stands, and which states are open. Knows nothing of frames but how to
//! compare itself with them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// A state that was entered, or an iteration that has begun.
struct Node {
    /// The state around it, or the iteration.
    around: Option<u64>,
    /// Its name; iterations have that of their Map.
    name: String,
    /// `Task`, `Map` and so on; `Iteration`.
    kind: String,
    index: u64,
    /// JSON text.
    input: String,
    open: bool,
    /// It said that it failed: what fails next is around it.
    failed: bool,
}

/// A history, as far as it was read.
#[derive(Default)]
pub(super) struct Folded {
    status: &'static str,
    output: Value,
    error: Value,
    cause: Value,
    nodes: BTreeMap<u64, Node>,
    /// The node that each event stands in.
    places: BTreeMap<u64, Option<u64>>,
    last: u64,
    /// A redrive begins a new chain of events: which state each belongs to is not told any more.
    redriven: bool,
}

impl Folded {
    /// Reads the next event.
    pub(super) fn take(&mut self, event: &Value) {
        let number = |member: &str| event[member].as_u64().expect("a number");
        let (id, previous) = (number("id"), number("previousEventId"));
        assert_eq!(id, self.last + 1, "ids have no gaps");
        assert!(previous < id, "an event follows an earlier one");
        self.last = id;
        let kind = event["type"].as_str().expect("a type");
        let details = event.as_object().and_then(|event| {
            let found = event.iter().find(|(key, _)| key.ends_with("EventDetails"));
            found.map(|(_, details)| details.clone())
        });
        let details = details.unwrap_or_default();
        let here = self.places.get(&previous).copied().flatten();
        let place = self.place((id, kind), here, &details);
        self.places.insert(id, place);
    }

    /// Takes an event's meaning, and gives the node that the next one of its chain stands in.
    fn place(
        &mut self,
        (id, kind): (u64, &str),
        here: Option<u64>,
        details: &Value,
    ) -> Option<u64> {
        if let Some(word) = kind.strip_prefix("Execution") {
            self.execution(word, details);
            return None;
        }
        if let Some(of) = kind.strip_suffix("StateEntered") {
            return self.enter(id, (of, here), details);
        }
        if let Some(of) = kind.strip_suffix("StateExited") {
            let node = self.around(here, |node| node.kind == of && details["name"] == node.name)?;
            self.close(node, true);
            return self.nodes[&node].around;
        }
        if let Some(word) = kind.strip_prefix("MapIteration") {
            return self.iteration((id, word), here, details);
        }
        let Some((of, word)) = kind.split_once("State") else {
            return here;
        };
        if word == "Aborted" {
            // It follows the event of another state, whose failure cut it off, and has no name. The failure of the state
            // around both closes it.
            return here;
        }
        let node = self.around(here, |node| node.kind == of && !node.failed)?;
        match word {
            // Begun again: what was below is over.
            "Started" => self.close(node, false),
            "Failed" => {
                self.close(node, false);
                self.nodes.get_mut(&node)?.failed = true;
            }
            _ => {}
        }
        Some(node)
    }

    fn execution(&mut self, word: &str, details: &Value) {
        (self.error, self.cause) = (details["error"].clone(), details["cause"].clone());
        self.status = match word {
            "Started" => "RUNNING",
            "Redriven" => {
                self.redriven = true;
                "RUNNING"
            }
            "Succeeded" => {
                self.output = details["output"].clone();
                "SUCCEEDED"
            }
            "Failed" => "FAILED",
            "TimedOut" => "TIMED_OUT",
            "Aborted" => "ABORTED",
            other => panic!("unknown: Execution{other}"),
        };
        if self.status != "RUNNING" {
            self.nodes.values_mut().for_each(|node| node.open = false);
        }
    }

    fn enter(
        &mut self,
        id: u64,
        (of, around): (&str, Option<u64>),
        details: &Value,
    ) -> Option<u64> {
        let text = |member: &str| details[member].as_str().unwrap_or_default().to_owned();
        let node = Node {
            around,
            name: text("name"),
            kind: of.to_owned(),
            index: 0,
            input: text("input"),
            open: true,
            failed: false,
        };
        self.nodes.insert(id, node);
        Some(id)
    }

    fn iteration(
        &mut self,
        (id, word): (u64, &str),
        here: Option<u64>,
        details: &Value,
    ) -> Option<u64> {
        let index = details["index"].as_u64();
        let name = &details["name"];
        if word == "Started" {
            let map = self.around(here, |node| node.kind == "Map" && *name == node.name)?;
            let node = Node {
                around: Some(map),
                name: self.nodes[&map].name.clone(),
                kind: "Iteration".to_owned(),
                index: index?,
                input: String::new(),
                open: true,
                failed: false,
            };
            self.nodes.insert(id, node);
            return Some(id);
        }
        let mine = |node: &Node| {
            node.kind == "Iteration" && *name == node.name && Some(node.index) == index
        };
        let node = self.around(here, mine)?;
        self.close(node, true);
        self.nodes[&node].around
    }

    /// The nearest open node around a place that is wanted.
    fn around(&self, here: Option<u64>, wanted: impl Fn(&Node) -> bool) -> Option<u64> {
        let mut next = here;
        while let Some((id, node)) = next.and_then(|id| Some((id, self.nodes.get(&id)?))) {
            if node.open && wanted(node) {
                return Some(id);
            }
            next = node.around;
        }
        None
    }

    fn is_below(&self, id: u64, of: u64) -> bool {
        let mut next = self.nodes[&id].around;
        while let Some(around) = next {
            if around == of {
                return true;
            }
            next = self.nodes[&around].around;
        }
        false
    }

    /// Closes what is below a node, and the node.
    fn close(&mut self, id: u64, itself: bool) {
        let below: Vec<u64> = self.nodes.keys().copied().collect();
        for node in below {
            if (itself && node == id) || self.is_below(node, id) {
                self.nodes.get_mut(&node).expect("a node").open = false;
            }
        }
    }

    /// Whether an execution's frames tell the same.
    pub(super) fn compare(&self, frames: &BTreeMap<String, Value>) -> Result<(), String> {
        let root = &frames[""];
        let told = json!([self.status, self.output, self.error, self.cause, self.last]);
        let stored = json!([
            root["status"],
            root["output"],
            root["error"],
            root["cause"],
            root["events"]
        ]);
        if told != stored {
            return Err(format!("history: {told}\nsnapshot: {stored}"));
        }
        // What an execution that has ended keeps is for a redrive.
        if self.status != "RUNNING" || self.redriven {
            return Ok(());
        }
        let (stored, backing_off) = at_work(frames);
        let mut told = BTreeMap::new();
        for (id, node) in &self.nodes {
            // A state that waits for its next attempt writes nothing of what was below it.
            let over = backing_off.iter().any(|of| self.is_below(*id, *of));
            if node.open && node.kind != "Iteration" && !over {
                let input: Value = serde_json::from_str(&node.input).expect("JSON");
                told.insert(*id, (node.name.clone(), input));
            }
        }
        let inputs = |(id, (_, input)): (&u64, &(String, Value))| (*id, input.clone());
        let told_inputs: BTreeMap<u64, Value> = told.iter().map(inputs).collect();
        if told_inputs != stored {
            return Err(format!("history: {told:?}\nsnapshot: {stored:?}"));
        }
        Ok(())
    }
}

/// The states at work, by the event with which each was entered, with their inputs; and which of them wait to try again.
fn at_work(frames: &BTreeMap<String, Value>) -> (BTreeMap<u64, Value>, BTreeSet<u64>) {
    let (mut inputs, mut waiting) = (BTreeMap::new(), BTreeSet::new());
    for thread in frames.iter().filter(|(key, _)| key.starts_with("thread/")) {
        let thread = thread.1;
        let phase = thread["phase"]["type"].as_str().expect("a phase");
        let entered = thread["entered"][0].as_u64().expect("an event");
        if phase == "ready" {
            continue;
        }
        inputs.insert(entered, thread["input"].clone());
        if phase == "backoff" {
            waiting.insert(entered);
        }
    }
    (inputs, waiting)
}
