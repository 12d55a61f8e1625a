use super::Masks;

#[test]
fn containers_end_where_they_end() {
    // Brackets in strings do not count, and containers span blocks.
    let filler = "x".repeat(100);
    let text = format!(r#"{{"a":[1,{{"}}":"]{filler}"}},[[],{{}}]],"b":2}} "#);
    let (text, mut masks) = (text.as_str(), Masks::default());
    let bytes = text.as_bytes();
    let place = |part: &str| text.find(part).unwrap();
    assert_eq!(masks.after_container(1, bytes), place(" "));
    assert_eq!(
        masks.after_container(place("[1") + 1, bytes),
        place(",\"b\"")
    );
    assert_eq!(
        masks.after_container(place("{\"}") + 1, bytes),
        place(",[[")
    );
    assert_eq!(
        masks.after_container(place("[],") + 1, bytes),
        place(",{}]")
    );
}

#[test]
fn quotes_are_found_past_escapes() {
    let text = format!(r#""{}\"\\" "b""#, r"\\".repeat(40));
    let (text, mut masks) = (text.as_str(), Masks::default());
    let bytes = text.as_bytes();
    assert_eq!(masks.quote(1, bytes), text.find("\" ").unwrap());
    assert_eq!(
        masks.quote(text.find(" \"b").unwrap(), bytes),
        text.len() - 3
    );
    assert_eq!(masks.quote(text.len(), bytes), text.len());
    assert!(masks.has_escapes());
}
