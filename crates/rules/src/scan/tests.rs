use super::Masks;

fn masks(text: &str) -> Masks {
    let mut masks = Masks::default();
    masks.read(text.as_bytes());
    masks
}

#[test]
fn containers_end_where_they_end() {
    // Brackets in strings do not count, and containers span blocks.
    let filler = "x".repeat(100);
    let text = format!(r#"{{"a":[1,{{"}}":"]{filler}"}},[[],{{}}]],"b":2}} "#);
    let masks = masks(&text);
    let place = |part: &str| text.find(part).unwrap();
    assert_eq!(masks.after_container(1), place(" "));
    assert_eq!(masks.after_container(place("[1") + 1), place(",\"b\""));
    assert_eq!(masks.after_container(place("{\"}") + 1), place(",[["));
    assert_eq!(masks.after_container(place("[],") + 1), place(",{}]"));
}

#[test]
fn quotes_are_found_past_escapes() {
    let text = format!(r#""{}\"\\" "b""#, r"\\".repeat(40));
    let masks = masks(&text);
    assert_eq!(masks.quote(1), text.find("\" ").unwrap());
    assert_eq!(masks.quote(text.find(" \"b").unwrap()), text.len() - 3);
    assert!(masks.quote(text.len()) >= text.len());
    assert!(masks.escapes);
}
