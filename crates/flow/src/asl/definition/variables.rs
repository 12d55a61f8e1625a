//! Variables of a machine: which of them each state reads, and names that an inner block must not assign.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Catcher, Distributed, Format, ItemReader, Items, Kind, Map, Number, Problem, SCHEMA, Selection,
    Source, State, StateMachine, Task, Text, Until,
};
use crate::asl::choice::{Condition, Operand, Rule};
use crate::asl::intrinsic::{Argument, Call};
use crate::asl::jsonata::{Expression, is_function};
use crate::asl::path::{Path, Root};
use crate::asl::template::Template;

/// The variables that each state reads, by the state's name; states that read none are left out.
#[must_use]
pub fn references(machine: &StateMachine) -> BTreeMap<String, BTreeSet<String>> {
    let states = || machine.blocks.iter().flat_map(|block| &block.states);
    let set: BTreeSet<&str> = states().flat_map(assigned).map(|(_, name)| name).collect();
    let read = states().map(|state| {
        let mut names = Names::default();
        names.state(state);
        names
            .0
            .retain(|name| set.contains(name.as_str()) || !is_function(name));
        (state.name.clone(), names.0)
    });
    read.filter(|(_, names)| !names.is_empty()).collect()
}

/// Notes each name that a branch or an iteration assigns although a block around it does: it would hide the outer one.
/// The children of a distributed Map do not see the variables around them, so their names are their own.
pub(super) fn hidden(machine: &StateMachine, places: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut waiting = vec![(0, BTreeSet::new())];
    while let Some((block, outer)) = waiting.pop() {
        let (Some(states), Some(place)) = (machine.blocks.get(block), places.get(block)) else {
            continue;
        };
        let mut around: BTreeSet<&str> = outer.clone();
        for state in &states.states {
            for (field, name) in assigned(state) {
                if outer.contains(name) {
                    problems.push(Problem {
                        code: SCHEMA,
                        message: format!(
                            "The variable '{name}' is assigned in an outer scope and cannot be assigned here"
                        ),
                        location: Some(format!("{place}/States/{}/{field}", state.name)),
                    });
                }
                // The service takes a machine in which a catcher of a Parallel assigns what its branch does (recorded).
                if !field.starts_with("Catch") {
                    around.insert(name);
                }
            }
        }
        for state in &states.states {
            match &state.kind {
                Kind::Parallel { branches, .. } => {
                    waiting.extend(branches.iter().map(|inner| (*inner, around.clone())));
                }
                Kind::Map(map) if map.distributed.is_some() => {
                    waiting.push((map.processor, BTreeSet::new()));
                }
                Kind::Map(map) => waiting.push((map.processor, around.clone())),
                _ => {}
            }
        }
    }
    problems
}

/// The names that a state assigns, each with the place of its `Assign` below the state.
pub(crate) fn assigned(state: &State) -> Vec<(String, &str)> {
    let mut all = vec![("Assign".to_owned(), state.assign.as_ref())];
    if let Kind::Choice { rules, .. } = &state.kind {
        let rules = rules.iter().enumerate();
        all.extend(rules.map(|(n, rule)| (format!("Choices[{n}]/Assign"), rule.assign.as_ref())));
    }
    let catchers = state.catch.iter().enumerate();
    all.extend(catchers.map(|(n, it)| (format!("Catch[{n}]/Assign"), it.assign.as_ref())));
    let mut names = Vec::new();
    for (field, template) in all {
        if let Some(Template::Object(members)) = template {
            names.extend(
                members
                    .iter()
                    .map(|(name, _)| (field.clone(), name.as_str())),
            );
        }
    }
    names
}

/// Names of variables that are read.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn state(&mut self, state: &State) {
        for selection in [&state.input_path, &state.output_path, &state.result_path] {
            if let Selection::At(path) = selection {
                self.path(path);
            }
        }
        self.templates(&[&state.assign, &state.output]);
        for Catcher { assign, output, .. } in &state.catch {
            self.templates(&[assign, output]);
        }
        match &state.kind {
            Kind::Pass { parameters, .. } => self.templates(&[parameters]),
            Kind::Task(task) => self.task(task),
            Kind::Choice { rules, .. } => rules.iter().for_each(|rule| self.rule(rule)),
            Kind::Wait(Until::Seconds(number)) => self.number(number),
            Kind::Wait(Until::Timestamp(text)) => self.text(text),
            Kind::Succeed => {}
            Kind::Fail { error, cause } => {
                [error, cause]
                    .into_iter()
                    .flatten()
                    .for_each(|text| self.text(text));
            }
            Kind::Parallel {
                arguments,
                selector,
                ..
            } => self.templates(&[arguments, selector]),
            Kind::Map(map) => self.map(map),
        }
    }

    fn task(&mut self, task: &Task) {
        self.templates(&[&task.arguments, &task.selector, &task.role]);
        self.numbers(&[&task.timeout, &task.heartbeat]);
    }

    fn map(&mut self, map: &Map) {
        match &map.items {
            Items::Input => {}
            Items::At(path) => self.path(path),
            Items::Given(template) => self.template(template),
        }
        self.templates(&[&map.item_selector, &map.selector]);
        self.numbers(&[
            &map.concurrency,
            &map.tolerated_count,
            &map.tolerated_percentage,
        ]);
        let Some(Distributed {
            reader,
            batcher,
            writer,
            ..
        }) = &map.distributed
        else {
            return;
        };
        if let Some(reader) = reader {
            self.reader(reader);
        }
        if let Some(batcher) = batcher {
            self.numbers(&[&batcher.max_items, &batcher.max_bytes]);
            self.templates(&[&batcher.input]);
        }
        if let Some(writer) = writer {
            self.templates(&[&writer.destination]);
        }
    }

    fn reader(&mut self, reader: &ItemReader) {
        self.template(&reader.arguments);
        self.numbers(&[&reader.max_items]);
        if let Source::Object(Format::Json {
            pointer: Some(text),
        })
        | Source::Listing(Some(Format::Json {
            pointer: Some(text),
        })) = &reader.source
        {
            self.text(text);
        }
    }

    fn rule(&mut self, rule: &Rule) {
        self.condition(&rule.condition);
        self.templates(&[&rule.assign, &rule.output]);
    }

    fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::All(parts) | Condition::Any(parts) => {
                parts.iter().for_each(|part| self.condition(part));
            }
            Condition::Not(part) => self.condition(part),
            Condition::Compare(path, _, operand) => {
                self.path(path);
                if let Operand::Path(path) = operand {
                    self.path(path);
                }
            }
            Condition::Expression(expression) => self.expression(expression),
            Condition::Constant(_) => {}
        }
    }

    fn templates(&mut self, templates: &[&Option<Template>]) {
        for template in templates.iter().copied().flatten() {
            self.template(template);
        }
    }

    fn template(&mut self, template: &Template) {
        match template {
            Template::Literal(_) => {}
            Template::List(items) => items.iter().for_each(|item| self.template(item)),
            Template::Object(members) => {
                members.iter().for_each(|(_, member)| self.template(member));
            }
            Template::Path { path, .. } => self.path(path),
            Template::Call { call, .. } => self.call(call),
            Template::Expression { expression, .. } => self.expression(expression),
        }
    }

    fn numbers(&mut self, numbers: &[&Option<Number>]) {
        for number in numbers.iter().copied().flatten() {
            self.number(number);
        }
    }

    fn number(&mut self, number: &Number) {
        match number {
            Number::Fixed(_) => {}
            Number::Path(path) => self.path(path),
            Number::Expression(expression) => self.expression(expression),
        }
    }

    fn text(&mut self, text: &Text) {
        if let Text::Template(template) = text {
            self.template(template);
        }
    }

    fn call(&mut self, call: &Call) {
        for argument in &call.arguments {
            match argument {
                Argument::Path(path) => self.path(path),
                Argument::Call(call) => self.call(call),
                Argument::Literal(_) | Argument::Template(_) => {}
            }
        }
    }

    fn path(&mut self, path: &Path) {
        if let Root::Variable(name) = path.root() {
            self.0.insert(name.clone());
        }
    }

    fn expression(&mut self, expression: &Expression) {
        self.0.extend(expression.variables());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::asl::definition::{MachineType, parse};

    fn machine(states: Value, language: &str) -> Result<StateMachine, Vec<Problem>> {
        let start = states
            .as_object()
            .and_then(|all| all.keys().next())
            .cloned();
        let whole = json!({"QueryLanguage": language, "StartAt": start, "States": states});
        parse(&whole.to_string(), MachineType::Standard)
    }

    fn read(states: Value, language: &str) -> Value {
        let machine = machine(states, language).expect("a machine");
        serde_json::to_value(references(&machine)).expect("JSON")
    }

    #[test]
    fn what_a_state_reads_is_told_wherever_it_reads_it() {
        let within = json!({"StartAt": "In", "States": {"In": {"Type": "Pass",
            "Parameters": {"a": [{"b.$": "$deep.x"}]}, "End": true}}});
        let found = read(
            json!({
                "Way": {"Type": "Choice", "Choices": [{"Not": {"Variable": "$here", "NumericLessThanPath": "$there"},
                    "Next": "All", "Assign": {"n.$": "States.MathAdd($one, States.MathAdd($two, 1))"}}], "Default": "All"},
                "All": {"Type": "Map", "ItemsPath": "$list", "MaxConcurrencyPath": "$most", "ItemProcessor": within,
                    "Catch": [{"ErrorEquals": ["States.ALL"], "Assign": {"e.$": "$caught"}, "Next": "Plain"}], "Next": "Plain"},
                "Plain": {"Type": "Pass", "Parameters": {"text": "$not", "own.$": "$.own", "cx.$": "$$.State.Name"}, "End": true},
            }),
            "JSONPath",
        );
        let wanted = json!({"Way": ["here", "one", "there", "two"], "All": ["caught", "list", "most"], "In": ["deep"]});
        assert_eq!(found, wanted);
    }

    #[test]
    fn an_expression_reads_what_it_does_not_bind() {
        for (expression, wanted) in [
            ("$states.input.a + $total", json!(["total"])),
            (
                "( $own := $given.x; $own + $uppercase('$text') )",
                json!(["given"]),
            ),
            (
                "$map($list, function($v, $n) { $v & $prefix })",
                json!(["list", "prefix"]),
            ),
            ("$items[$.id = $wanted].$$.x", json!(["items", "wanted"])),
            ("$count($list)", json!(["list"])),
            (
                "$map($list, $uppercase) & '$quoted' & \"it's $so\"",
                json!(["list"]),
            ),
            (
                "$contains($text, /it's $/) and $a/$b/$c",
                json!(["a", "b", "c", "text"]),
            ),
            (
                "/* $no */ orders@$o#$i[$o.id = $id].{ 'n': $i }",
                json!(["id"]),
            ),
        ] {
            let pass = json!({"Type": "Pass", "Output": {"a": format!("{{% {expression} %}}")}, "End": true});
            assert_eq!(
                read(json!({"P": pass}), "JSONata")["P"],
                wanted,
                "{expression}"
            );
        }
        let plain = json!({"P": {"Type": "Pass", "Output": "{% $states.input %}", "End": true}});
        assert_eq!(read(plain, "JSONata"), json!({}));
    }

    fn nested(mode: Value, inner: &str) -> Value {
        let processor = json!({"ProcessorConfig": mode, "StartAt": "In", "States": {
            "In": {"Type": "Pass", "Assign": {inner: 1}, "End": true}}});
        json!({
            "Set": {"Type": "Pass", "Assign": {"x": 1}, "Next": "All"},
            "All": {"Type": "Map", "ItemProcessor": processor, "End": true},
        })
    }

    #[test]
    fn an_inner_block_hides_no_outer_variable() {
        let inline = json!({"Mode": "INLINE"});
        let spread = json!({"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"});
        assert!(machine(nested(inline.clone(), "y"), "JSONata").is_ok());
        assert!(machine(nested(spread, "x"), "JSONata").is_ok());
        let problems = machine(nested(inline, "x"), "JSONata").expect_err("refused");
        let places: Vec<_> = problems.iter().map(|it| it.location.as_deref()).collect();
        assert_eq!(places, [Some("/States/All/ItemProcessor/States/In/Assign")]);
        // A name assigned behind the block counts as well; one that only a catcher assigns does not.
        let branch = |body: Value| json!({"StartAt": "B", "States": {"B": body}});
        let caught = json!({"ErrorEquals": ["States.ALL"], "Assign": {"y": 1}, "Next": "After"});
        let inner = branch(json!({"Type": "Choice", "Choices": [
            {"Condition": true, "Next": "C", "Assign": {"y": 1}}]}));
        let mut inner = inner;
        inner["States"]["C"] = json!({"Type": "Pass", "Assign": {"z": 1}, "End": true});
        let states = json!({
            "Fork": {"Type": "Parallel", "Branches": [inner], "Catch": [caught], "Next": "After"},
            "After": {"Type": "Pass", "Assign": {"z": 2}, "End": true},
        });
        let problems = machine(states, "JSONata").expect_err("refused");
        let places: Vec<_> = problems
            .iter()
            .filter_map(|it| it.location.as_deref())
            .collect();
        let at = "/States/Fork/Branches[0]/States";
        assert_eq!(places, [format!("{at}/C/Assign")]);
    }

    #[test]
    fn names_are_checked_wherever_they_are_assigned() {
        let choice = |assign: Value| {
            json!({"C": {"Type": "Choice", "Choices": [{"Condition": true, "Next": "D", "Assign": assign}]},
                "D": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": true}})
        };
        let catch = |assign: Value| {
            let mut states = choice(json!({}));
            let catcher = json!({"ErrorEquals": ["States.ALL"], "Next": "E", "Assign": assign});
            states["D"]["Catch"] = json!([catcher]);
            states["E"] = json!({"Type": "Succeed"});
            states
        };
        for (assign, says) in [
            (
                json!({"states": 1}),
                "'states' is not a valid variable name",
            ),
            (json!({"a b": 1}), "'a b' is not a valid variable name"),
            (json!(5), "The field 'Assign' must be an object"),
        ] {
            for states in [choice(assign.clone()), catch(assign.clone())] {
                let problems = machine(states, "JSONata").expect_err("refused");
                assert_eq!(problems.len(), 1, "{assign}: {problems:?}");
                assert_eq!(problems[0].message, says);
                let place = problems[0].location.as_deref().expect("a place");
                assert!(place.ends_with("[0]/Assign"), "{place}");
            }
        }
        assert!(machine(catch(json!({"fine": 1})), "JSONata").is_ok());
    }
}
