//! What is fuzzed: one function for each decoder, which any bytes may be given and which must not panic. Shared by the
//! fuzzer (`fuzz/src/main.rs`, nightly) and by the replay of the kept corpora (`tests/it/corpora.rs`, stable).

#[path = "targets/answers.rs"]
mod answers;
#[path = "targets/calls.rs"]
mod calls;
#[path = "targets/client.rs"]
mod client;
#[path = "targets/identity.rs"]
mod identity;
#[path = "targets/requests.rs"]
mod requests;
#[path = "targets/table.rs"]
mod table;

/// What takes any bytes.
pub(crate) type Target = fn(&[u8]);

/// All targets by name; the name is also that of the corpus.
pub(crate) const TARGETS: &[(&str, Target)] = &[
    ("json_answer", answers::json_answer),
    ("rest_json_answer", answers::rest_json_answer),
    ("query_answer", answers::query_answer),
    ("ec2_answer", answers::ec2_answer),
    ("rest_xml_answer", answers::rest_xml_answer),
    ("cbor_answer", answers::cbor_answer),
    ("error_answer", answers::error_answer),
    ("written_error", answers::written_error),
    ("written_answer", answers::written_answer),
    ("xml_reading", answers::xml_reading),
    ("params", calls::params),
    ("timestamps", calls::timestamps),
    ("verifier", calls::verifier),
    ("signatures", calls::signatures),
    ("endpoint_parameters", calls::endpoint_parameters),
    ("endpoint_rules", calls::endpoint_rules),
    ("pages", client::pages),
    ("waiters", client::waiters),
    ("profiles", identity::profiles),
    ("settings", identity::settings),
    ("credential_documents", identity::credential_documents),
    ("sso", identity::sso),
    ("table", table::table),
    ("inbound_cbor", requests::inbound_cbor),
    ("inbound_json", requests::inbound_json),
    ("inbound_rest_json", requests::inbound_rest_json),
    ("inbound_query", requests::inbound_query),
    ("inbound_ec2", requests::inbound_ec2),
    ("inbound_rest_xml", requests::inbound_rest_xml),
];

/// Splits off the first byte.
fn choice(data: &[u8]) -> (usize, &[u8]) {
    match data.split_first() {
        Some((first, rest)) => (usize::from(*first), rest),
        None => (0, &[]),
    }
}

fn pick<T>(list: &[T], at: usize) -> Option<&T> {
    list.get(at % list.len().max(1))
}

/// Lines of headers up to an empty one, then the body; without an empty line all is body.
fn head(data: &[u8]) -> (Vec<(String, String)>, &[u8]) {
    let Some(end) = data.windows(2).position(|two| two == b"\n\n") else {
        return (Vec::new(), data);
    };
    let text = String::from_utf8_lossy(data.get(..end).unwrap_or_default()).into_owned();
    let headers = text.lines().filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    (headers.collect(), data.get(end + 2..).unwrap_or_default())
}

/// A request: its first line, then headers and body.
struct Raw<'a> {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: &'a [u8],
}

impl<'a> Raw<'a> {
    fn read(data: &'a [u8]) -> Self {
        let end = data
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(data.len());
        let (line, rest) = data.split_at(end);
        let line = String::from_utf8_lossy(line).into_owned();
        let (method, target) = line.split_once(' ').unwrap_or(("POST", &line));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (headers, body) = head(rest);
        Self {
            method: method.to_owned(),
            path: format!("/{}", path.trim_start_matches('/')),
            query: query.to_owned(),
            headers,
            body,
        }
    }
}
