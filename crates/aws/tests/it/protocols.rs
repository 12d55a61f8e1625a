//! botocore's protocol cases (generated from Smithy, and older ones of its own): how they are read and compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use aws::model::Service;
use serde_json::{Value, json};

/// Token that the cases expect where an idempotency token is filled in.
pub(crate) const TOKEN: &str = "00000000-0000-4000-8000-000000000000";

/// One case with the model it is for.
pub(crate) struct Case {
    pub(crate) label: String,
    pub(crate) service: Arc<Service>,
    pub(crate) operation: String,
    pub(crate) client_endpoint: Option<String>,
    pub(crate) case: Value,
    /// The same model with the operation's input as its output, to read what was written.
    pub(crate) mirrored: Arc<Service>,
}

/// All cases of one file.
pub(crate) fn load(path: &Path, legacy: bool) -> Vec<Case> {
    let suites: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut cases = Vec::new();
    for suite in suites.as_array().unwrap() {
        for (at, case) in suite["cases"].as_array().unwrap().iter().enumerate() {
            let mut given = case["given"].clone();
            let name = given["name"].as_str().unwrap_or("OperationName").to_owned();
            let protocol = suite["metadata"]["protocol"].as_str().unwrap_or_default();
            if protocol == "query" && !legacy && given.get("output").is_some() {
                given["output"]["resultWrapper"] = format!("{name}Result").into();
            }
            // Older cases put the payload member on the reference to the shape.
            let mut shapes = suite["shapes"].clone();
            for direction in ["input", "output"] {
                let (shape, payload) = (
                    given[direction]["shape"].clone(),
                    given[direction]["payload"].clone(),
                );
                if let (Some(shape), true) = (shape.as_str(), payload.is_string()) {
                    shapes[shape]["payload"] = payload;
                }
            }
            let mut metadata = suite["metadata"].clone();
            metadata["endpointPrefix"] = "example".into();
            let mut mirror = given.clone();
            mirror["output"] = given["input"].clone();
            if mirror["output"].is_null() {
                mirror.as_object_mut().unwrap().remove("output");
            }
            let model = |operation: Value| {
                let model = json!({"metadata": metadata, "shapes": shapes, "operations": {&name: operation}});
                Arc::new(Service::from_botocore("example", &model).unwrap())
            };
            let label = match case["id"].as_str() {
                Some(id) => id.to_owned(),
                None => format!(
                    "{} #{at}",
                    suite["description"].as_str().unwrap_or_default()
                ),
            };
            cases.push(Case {
                label,
                service: model(given),
                mirrored: model(mirror),
                operation: name.clone(),
                client_endpoint: suite["clientEndpoint"].as_str().map(str::to_owned),
                case: case.clone(),
            });
        }
    }
    cases
}

/// Runs every case of the given files, prints the figures, and fails on a case that fails and is not excused.
///
/// An excuse is the begin of a case's label, and why it cannot be met.
pub(crate) fn run(
    direction: &str,
    protocols: &[&str],
    excuses: &[(&str, &str)],
    check: &dyn Fn(&Case) -> Result<(), String>,
) {
    let Some(root) = crate::cases("aws-protocols") else {
        return;
    };
    let mut faults = Vec::new();
    let mut stale: Vec<&str> = excuses.iter().map(|(label, _)| *label).collect();
    for protocol in protocols {
        for legacy in [false, true] {
            let folder = if legacy {
                root.join("legacy").join(direction)
            } else {
                root.join(direction)
            };
            let path = folder.join(format!("{protocol}.json"));
            if !path.exists() {
                continue;
            }
            let cases = load(&path, legacy);
            let (mut passed, mut excused) = (0, 0);
            for case in &cases {
                match check(case) {
                    Ok(()) => passed += 1,
                    Err(_)
                        if excuses
                            .iter()
                            .any(|(label, _)| case.label.starts_with(label)) =>
                    {
                        stale.retain(|label| !case.label.starts_with(label));
                        excused += 1;
                    }
                    Err(reason) => faults.push(format!("{protocol} {}: {reason}", case.label)),
                }
            }
            let kind = if legacy { "legacy " } else { "" };
            println!(
                "{kind}{direction} {protocol}: {passed} of {} pass, {excused} excused",
                cases.len()
            );
        }
    }
    assert!(
        faults.is_empty(),
        "{} cases fail:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(
        stale.is_empty(),
        "excused cases that pass or are gone: {stale:?}"
    );
}

/// An XML element without its layout: name, sorted attributes, children in order, text.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    children: Vec<Element>,
    text: String,
}

/// Reads XML for comparison. Children are sorted, since the order of members is free.
pub(crate) fn element(text: &str) -> Element {
    use quick_xml::XmlVersion;
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => {
                let attributes = start.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    let value = attribute
                        .normalized_value(XmlVersion::Implicit1_0)
                        .unwrap()
                        .into_owned();
                    (attribute.key.as_ref().to_owned(), value)
                });
                let name = start.name().as_ref().to_owned();
                open.push(Element {
                    name,
                    attributes: attributes.collect(),
                    ..Element::default()
                });
            }
            Event::End(_) => {
                let mut done = open.pop().unwrap();
                done.text = done.text.trim().to_owned();
                done.children.sort();
                open.last_mut().unwrap().children.push(done);
            }
            Event::Text(text) => open
                .last_mut()
                .unwrap()
                .text
                .push_str(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let text = match reference.resolve_char_ref().unwrap() {
                    Some(character) => character.to_string(),
                    None => format!("&{};", reference.xml10_content()),
                };
                open.last_mut().unwrap().text.push_str(&text);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let mut root = open.pop().unwrap();
    root.text.clear();
    root
}
