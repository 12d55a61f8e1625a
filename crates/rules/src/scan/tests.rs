use super::{LastBytes, Masks};

fn masks() -> Masks {
    let mut masks = Masks::default();
    masks.clear(LastBytes::ANY);
    masks
}

#[test]
fn containers_end_where_they_end() {
    // Brackets in strings do not count, and containers span blocks.
    let filler = "x".repeat(100);
    let text = format!(r#"{{"a":[1,{{"}}":"]{filler}"}},[[],{{}}]],"b":2}} "#);
    let (text, mut masks) = (text.as_str(), masks());
    let bytes = text.as_bytes();
    let place = |part: &str| text.find(part).unwrap();
    // The mark after a place, and the place after the container that begins there.
    let mut after = |from: usize| {
        let mut number = 0;
        while masks.mark(number, bytes).unwrap() < from {
            number += 1;
        }
        let next = masks.after_container(number, bytes).unwrap();
        masks.mark(next - 1, bytes).unwrap() + 1
    };
    assert_eq!(after(1), place(" "));
    assert_eq!(after(place("[1") + 1), place(",\"b\""));
    assert_eq!(after(place("{\"}") + 1), place(",[["));
    assert_eq!(after(place("[],") + 1), place(",{}]"));
    assert_eq!(masks.mark(1000, bytes), None);
    assert_eq!(masks.after_container(0, bytes), None);
}

#[test]
fn quotes_are_found_past_escapes() {
    let text = format!(r#""{}\"\\" "b""#, r"\\".repeat(40));
    let (text, mut masks) = (text.as_str(), masks());
    let bytes = text.as_bytes();
    assert_eq!(masks.quote(1, bytes), text.find("\" ").unwrap());
    assert_eq!(
        masks.quote(text.find(" \"b").unwrap(), bytes),
        text.len() - 3
    );
    assert_eq!(masks.quote(text.len(), bytes), text.len());
    let first = text.find("\" ").unwrap();
    assert_eq!(masks.quote_before(first), Some(0));
    assert_eq!(masks.quote_before(0), None);
    assert_eq!(masks.quote_before(text.len() - 1), Some(text.len() - 3));
    assert!(masks.has_escapes());
}
