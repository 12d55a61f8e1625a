//! Data sets: the same items come of an object however its bytes arrive, and whatever is stored in between.

use std::io::Write as _;

use flow::asl::dataset::reading::Reading;
use flow::asl::dataset::{Decoder, Sink, csv, json, lines};
use flow::asl::definition::{Csv, Format, Source};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::bucket::Bucket;

/// Decodes in windows: each brings some more bytes, and the decoder is stored and read again.
fn in_windows(mut decoder: Decoder, bytes: &[u8], steps: &[usize]) -> Result<Vec<Value>, String> {
    let mut sink = Sink::new(None);
    let (mut from, mut to) = (0, 0);
    let mut steps = steps.iter().copied().chain(std::iter::repeat(7));
    loop {
        to = (to + steps.next().unwrap_or(1)).min(bytes.len());
        let last = to == bytes.len();
        from += decoder
            .decode(&bytes[from..to], last, &mut sink)
            .map_err(|error| error.to_string())?;
        let stored = serde_json::to_string(&decoder).expect("JSON");
        decoder = serde_json::from_str(&stored).expect("the same");
        if last || decoder.is_done() {
            return Ok(sink.items);
        }
    }
}

fn table(headers: Option<Vec<String>>) -> Decoder {
    let csv = Csv {
        headers,
        delimiter: b',',
    };
    Decoder::Csv(csv::Decoder::new(&csv).expect("headers"))
}

fn document(pointer: &str) -> Decoder {
    Decoder::Json(json::Decoder::new(pointer).expect("a pointer"))
}

proptest! {
    #[test]
    fn tables_do_not_depend_on_windows(
        text in "[a-c\",\r\n é]{0,80}",
        steps in prop::collection::vec(1_usize..20, 0..20),
    ) {
        let text = format!("x,y\n{text}");
        let whole = in_windows(table(None), text.as_bytes(), &[text.len()]);
        prop_assert_eq!(in_windows(table(None), text.as_bytes(), &steps), whole);
    }

    #[test]
    fn documents_do_not_depend_on_windows(
        items in prop::collection::vec(value(), 0..8),
        pretty: bool,
        steps in prop::collection::vec(1_usize..20, 0..20),
    ) {
        let body = json!({"a": {"skipped": items}, "b": ["]}", items]});
        let text = if pretty { format!("{body:#}") } else { body.to_string() };
        let found = in_windows(document("/b/1"), text.as_bytes(), &steps);
        prop_assert_eq!(found, Ok(items));
    }

    #[test]
    fn broken_documents_are_broken_in_every_window(
        text in "[\\[\\]{}\",:1 a\\\\]{0,40}",
        steps in prop::collection::vec(1_usize..9, 0..20),
    ) {
        let whole = in_windows(document(""), text.as_bytes(), &[text.len().max(1)]);
        prop_assert_eq!(in_windows(document(""), text.as_bytes(), &steps), whole);
    }

    #[test]
    fn lines_do_not_depend_on_windows(
        items in prop::collection::vec(value(), 0..8),
        steps in prop::collection::vec(1_usize..20, 0..20),
    ) {
        let text: String = items.iter().map(|item| format!("{item}\r\n\n")).collect();
        let decoder = Decoder::Lines(lines::Decoder::default());
        prop_assert_eq!(in_windows(decoder, text.as_bytes(), &steps), Ok(items));
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z\"\\\\\\]},:é ]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z\"]{0,3}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Reads a data set to its end; the reader is stored between two calls.
fn read(
    bucket: &mut Bucket,
    source: &Source,
    key: &str,
    most: Option<u64>,
) -> Result<Vec<Value>, String> {
    let given = json!({"Bucket": "b", "Key": key});
    let given = match source {
        Source::Object(_) => given,
        Source::Listing(_) => json!({"Bucket": "b", "Prefix": key}),
    };
    let mut reading = Reading::begin(source, given, ("", most)).map_err(|it| it.to_string())?;
    let mut items = Vec::new();
    loop {
        let fresh = if reading.has_rest() {
            reading.rest()
        } else if let Some(wanted) = reading.wanted() {
            let params = Value::Object(wanted.parameters);
            let answer = bucket.answer(wanted.operation, &params);
            reading.take(answer.as_ref())
        } else {
            return Ok(items);
        };
        items.extend(fresh.map_err(|it| it.to_string())?);
        let stored = serde_json::to_string(&reading).expect("JSON");
        let places = serde_json::to_string(reading.places().as_ref()).expect("JSON");
        let whole = reading;
        reading = serde_json::from_str(&stored).expect("the same");
        reading.restore_places(serde_json::from_str(&places).expect("the same"));
        assert_eq!(reading, whole);
    }
}

fn bucket(objects: &[(&str, &[u8])]) -> Bucket {
    let objects = objects.iter();
    Bucket {
        objects: objects
            .map(|(key, bytes)| ((*key).to_owned(), bytes.to_vec()))
            .collect(),
        calls: Vec::new(),
        page: 2,
    }
}

fn first_row() -> Format {
    Format::Csv(Csv {
        headers: None,
        delimiter: b',',
    })
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("finished")
}

#[test]
fn a_large_object_is_read_in_windows_of_bounded_size() {
    let mut text = "id,text\n".to_owned();
    for n in 0..60_000 {
        text.push_str(&format!("{n},\"the {n}th row, é\"\n"));
    }
    let packed = gzip(text.as_bytes());
    let mut bucket = bucket(&[("plain", text.as_bytes()), ("packed", &packed)]);
    let source = Source::Object(first_row());
    for key in ["plain", "packed"] {
        bucket.calls.clear();
        let items = read(&mut bucket, &source, key, None).expect("read");
        assert_eq!(items.len(), 60_000);
        assert_eq!(
            items[59_999],
            json!({"id": "59999", "text": "the 59999th row, é"})
        );
        assert_eq!(bucket.calls[0]["params"]["Range"], "bytes=0-1048575");
        assert!(
            bucket.calls.len() > 1 && bucket.calls.len() < 8,
            "{}",
            bucket.calls.len()
        );
        assert!(bucket.calls[1]["params"]["IfMatch"].is_string());
        let some = read(&mut bucket, &source, key, Some(25_000)).expect("read");
        assert_eq!(some[..], items[..25_000]);
    }
}

#[test]
fn listings_and_manifests_lead_to_further_objects() {
    let inventory = json!({"fileFormat": "CSV", "fileSchema": "Bucket, Key", "destinationBucket": "arn:aws:s3:::b",
        "files": [{"key": "d/1.gz"}, {"key": "d/2"}]});
    let packed = gzip(b"\"x\",\"k1\"\n\"x\",\"k2\"\n");
    let mut bucket = bucket(&[
        ("d/1.gz", &packed),
        ("d/2", b"\"x\",\"k3\"\n"),
        ("inventory", inventory.to_string().as_bytes()),
        ("athena", b"s3://b/l/a\ns3://b/l/b\n"),
        ("l/", b""),
        ("l/a", b"1\n2\n"),
        ("l/b", b"3"),
        ("l/c", b"[4]"),
    ]);
    let rows = read(
        &mut bucket,
        &Source::Object(Format::Inventory),
        "inventory",
        None,
    );
    let want = json!([{"Bucket": "x", "Key": "k1"}, {"Bucket": "x", "Key": "k2"}, {"Bucket": "x", "Key": "k3"}]);
    assert_eq!(rows.map(Value::from), Ok(want));
    let athena = Source::Object(Format::Athena(Box::new(Format::JsonLines)));
    let found = read(&mut bucket, &athena, "athena", None);
    assert_eq!(found.map(Value::from), Ok(json!([1, 2, 3])));
    let found = read(&mut bucket, &Source::Listing(None), "l/", Some(3)).expect("read");
    let keys: Vec<&Value> = found.iter().map(|item| &item["Key"]).collect();
    assert_eq!(keys, ["l/", "l/a", "l/b"]);
    let load = Source::Listing(Some(Format::JsonLines));
    let found = read(&mut bucket, &load, "l/", None);
    assert_eq!(found.map(Value::from), Ok(json!([1, 2, 3, [4]])));
}

#[test]
fn a_compressed_object_gives_all_its_items_however_many_stand_in_few_bytes() {
    let text: String = (0..300_000).map(|n| format!("{}\n", n % 10)).collect();
    let packed = gzip(text.as_bytes());
    assert!(packed.len() < 10_000, "{}", packed.len());
    let source = Source::Object(Format::JsonLines);
    let mut bucket = bucket(&[("k", &packed)]);
    let items = read(&mut bucket, &source, "k", None).expect("read");
    let wrong = (0..300_000).find(|n| items.get(*n) != Some(&json!(n % 10)));
    assert_eq!((wrong, items.len()), (None, 300_000));
    assert!(bucket.calls.len() <= 4, "{}", bucket.calls.len());
    let some = read(&mut bucket, &source, "k", Some(50_001)).expect("read");
    assert_eq!(some[..], items[..50_001]);
    // Broken behind what there was room for.
    let mut text = text.into_bytes();
    text.extend(b"{");
    let packed = gzip(&text);
    let error = read(&mut self::bucket(&[("k", &packed)]), &source, "k", None);
    let error = error.expect_err("refused");
    assert!(error.starts_with("item 300000 cannot be read"), "{error}");
}

#[test]
fn bytes_are_known_from_text_whatever_the_answer_says_of_them() {
    let packed = gzip(b"1\n2\n");
    let shown = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &packed);
    let range = format!("bytes 0-{}/{}", packed.len() - 1, packed.len());
    for (answer, want) in [
        (json!({"Body": shown}), json!([1, 2])),
        (
            json!({"Body": shown, "ContentLength": packed.len()}),
            json!([1, 2]),
        ),
        (json!({"Body": shown, "ContentRange": range}), json!([1, 2])),
        (json!({"Body": "1234\n5678"}), json!([1234, 5678])),
        (
            json!({"Body": "[1]\n", "ContentRange": "bytes 0-3/4"}),
            json!([[1]]),
        ),
    ] {
        let source = Source::Object(Format::JsonLines);
        let given = json!({"Bucket": "b", "Key": "k"});
        let mut reading = Reading::begin(&source, given, ("", None)).expect("a reader");
        let items = reading.take(Ok(&answer)).expect("read");
        assert_eq!(Value::from(items), want, "{answer}");
    }
    let wrong = json!({"Body": "1\n", "ContentRange": "bytes 0-5/6"});
    let given = json!({"Bucket": "b", "Key": "k"});
    let source = Source::Object(Format::JsonLines);
    let mut reading = Reading::begin(&source, given, ("", None)).expect("a reader");
    assert!(reading.take(Ok(&wrong)).is_err());
}

#[test]
fn what_cannot_be_read_is_told() {
    let mut bucket = bucket(&[
        ("empty", b""),
        ("zstd", &[0x28, 0xb5, 0x2f, 0xfd, 0]),
        ("gzip", &[0x1f, 0x8b, 0]),
    ]);
    let source = Source::Object(first_row());
    assert_eq!(read(&mut bucket, &source, "empty", None), Ok(Vec::new()));
    for (key, words) in [
        (
            "gone",
            "as S3 says it (Service: Amazon S3; Status Code: 404; Error Code: NoSuchKey; Request ID: r; Proxy: null)",
        ),
        ("zstd", "compressed with zstd"),
        ("gzip", "cannot be decompressed: it ends too early"),
    ] {
        let error = read(&mut bucket, &source, key, None).expect_err("refused");
        assert!(error.contains(words), "{error}");
    }
    let given = json!({"Bucket": 1, "Key": "k"});
    assert!(Reading::begin(&source, given, ("", None)).is_err());
}

#[test]
fn an_object_that_changes_while_it_is_read_is_refused() {
    let text = "a\n".repeat(1_000_000);
    let mut bucket = bucket(&[("k", text.as_bytes())]);
    let source = Source::Object(first_row());
    let given = json!({"Bucket": "b", "Key": "k"});
    let mut reading = Reading::begin(&source, given, ("", None)).expect("a reader");
    for turn in 0..2 {
        let wanted = reading.wanted().expect("a call");
        let answer = bucket.answer(wanted.operation, &Value::Object(wanted.parameters));
        let items = reading.take(answer.as_ref());
        if turn == 0 {
            assert_eq!(items.expect("read").len(), 20_000);
            bucket.objects.insert("k".to_owned(), b"a\n".to_vec());
        } else {
            let error = items.expect_err("refused").to_string();
            assert!(
                error.contains("s3://b/k was changed while it was read"),
                "{error}"
            );
        }
    }
}
