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
            let mut operations = serde_json::Map::new();
            operations.insert(name.clone(), given);
            let mut metadata = suite["metadata"].clone();
            metadata["endpointPrefix"] = "example".into();
            let model = json!({"metadata": metadata, "shapes": shapes, "operations": operations});
            let label = match case["id"].as_str() {
                Some(id) => id.to_owned(),
                None => format!(
                    "{} #{at}",
                    suite["description"].as_str().unwrap_or_default()
                ),
            };
            cases.push(Case {
                label,
                service: Arc::new(Service::from_botocore("example", &model, &Value::Null).unwrap()),
                operation: name,
                client_endpoint: suite["clientEndpoint"].as_str().map(str::to_owned),
                case: case.clone(),
            });
        }
    }
    cases
}

/// Cases that botocore itself leaves out, for a file of this name.
pub(crate) fn ignored(root: &Path, protocol: &str, direction: &str) -> Vec<String> {
    let list: Value =
        serde_json::from_slice(&fs::read(root.join("protocol-tests-ignore-list.json")).unwrap())
            .unwrap();
    let cases = &list["protocols"][protocol][direction]["cases"];
    cases
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// Suites that botocore itself leaves out.
fn ignored_suites(root: &Path, direction: &str) -> Vec<String> {
    let list: Value =
        serde_json::from_slice(&fs::read(root.join("protocol-tests-ignore-list.json")).unwrap())
            .unwrap();
    let suites = &list["general"][direction]["suites"];
    suites
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// Runs every case of the given files, prints the figures, and fails on a case that is on neither list.
pub(crate) fn run(
    direction: &str,
    protocols: &[&str],
    ours: &[&str],
    check: &dyn Fn(&Case) -> Result<(), String>,
) {
    let Some(root) = crate::cases("aws-protocols") else {
        return;
    };
    let mut faults = Vec::new();
    let mut stale: Vec<&str> = ours.to_vec();
    for protocol in protocols {
        let mut ignored = ignored(&root, protocol, direction);
        ignored.extend(ignored_suites(&root, direction));
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
                        if ignored
                            .iter()
                            .any(|label| case.label.starts_with(label.as_str())) =>
                    {
                        excused += 1
                    }
                    Err(_) if ours.iter().any(|label| case.label.starts_with(label)) => {
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
