use super::{Matcher, Writer};
use crate::pattern::Pattern;

fn writer<K, T>(matcher: &Matcher<K>, look: impl FnOnce(&Writer<K>) -> T) -> T {
    look(&matcher.writer.lock().unwrap())
}

fn pattern(n: usize) -> Pattern {
    let texts = [
        r#"{"source":["a","10.0.0.1",7,7.5,true,false,null]}"#.to_owned(),
        format!(r#"{{"detail":{{"x{n}":{{"y":[{{"prefix":"a"}}]}}}}}}"#),
        r#"{"x":[{"exists":false}]}"#.to_owned(),
        r#"{"source":["a"],"$or":[{"a":[1]},{"b":[{"exists":false}]}]}"#.to_owned(),
    ];
    Pattern::parse(&texts[n % 4]).unwrap()
}

#[test]
fn removing_rules_leaves_nothing_behind() {
    let matcher = Matcher::new();
    let empty = matcher.memory();
    for n in 0..1000 {
        assert!(matcher.insert(n, pattern(n)).is_none());
    }
    assert_eq!(matcher.len(), 1000);
    let full = matcher.memory();
    for n in (0..1000).rev() {
        assert_eq!(matcher.remove(&n).unwrap().as_str(), pattern(n).as_str());
        assert_eq!(matcher.len(), n);
    }
    assert!(matcher.is_empty() && matcher.remove(&0).is_none());
    writer(&matcher, |writer| {
        assert!(writer.places.is_empty());
        assert!(writer.gone <= super::LITTER);
    });
    assert!(
        matcher.memory() < empty + full / 8,
        "{} of {full}",
        matcher.memory()
    );
}

#[test]
fn segments_stay_few_and_memory_is_bounded() {
    let matcher = Matcher::new();
    for round in 0..20 {
        for n in 0..300 {
            matcher.insert(n, pattern(n + round));
        }
        writer(&matcher, |writer| {
            assert!(writer.shelves.len() <= 12, "{}", writer.shelves.len());
            let kept: usize = writer.shelves.iter().map(|s| s.segment.keys.len()).sum();
            assert!(
                kept <= 300 + 300 / 2 + super::LITTER + 1,
                "{kept} rules for 300"
            );
        });
    }
    assert_eq!(matcher.len(), 300);
}
