//! A JSON object as a form (`application/x-www-form-urlencoded`): names of inner members stand in brackets.
//!
//! Source: Step Functions developer guide, "Applying URL-encoding on request body".

use model::effect::ArrayFormat;
use serde_json::Value;

use super::request::encoded as part;

/// Deepest object that is written.
const DEPTH: usize = 32;

/// The form.
///
/// # Errors
/// Why there is none.
pub(super) fn encoded(body: &Value, format: ArrayFormat) -> Result<String, String> {
    let Value::Object(members) = body else {
        return Err("the request body must be a JSON object to be URL-encoded".to_owned());
    };
    let mut pairs = Vec::new();
    for (name, value) in members {
        write((name, value), format, DEPTH, &mut pairs)?;
    }
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", part(name), part(value)));
    Ok(pairs.collect::<Vec<_>>().join("&"))
}

fn write(
    (name, value): (&str, &Value),
    format: ArrayFormat,
    left: usize,
    pairs: &mut Vec<(String, String)>,
) -> Result<(), String> {
    let Some(left) = left.checked_sub(1) else {
        return Err(format!(
            "the request body is nested deeper than {DEPTH} levels: it cannot be URL-encoded"
        ));
    };
    match value {
        Value::Object(members) => {
            for (inner, value) in members {
                write((&format!("{name}[{inner}]"), value), format, left, pairs)?;
            }
        }
        Value::Array(items) if format == ArrayFormat::Commas => {
            if !items.is_empty() {
                let items: Vec<String> = items.iter().map(text).collect();
                pairs.push((name.to_owned(), items.join(",")));
            }
        }
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                let name = match format {
                    ArrayFormat::Indices => format!("{name}[{at}]"),
                    ArrayFormat::Brackets => format!("{name}[]"),
                    ArrayFormat::Repeat | ArrayFormat::Commas => name.to_owned(),
                };
                write((&name, value), format, left, pairs)?;
            }
        }
        value => pairs.push((name.to_owned(), text(value))),
    }
    Ok(())
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_written_as_is_asked_for() {
        let letters = json!({"array": ["a", "b", "c", "d"]});
        let inner = json!({"l": [{"k": 1}, [true, null]], "e": [], "o": {"p": {"q": "r s"}}});
        for (format, wanted, deeper) in [
            (
                ArrayFormat::Indices,
                "array[0]=a&array[1]=b&array[2]=c&array[3]=d",
                "l[0][k]=1&l[1][0]=true&l[1][1]=&o[p][q]=r s",
            ),
            (
                ArrayFormat::Repeat,
                "array=a&array=b&array=c&array=d",
                "l[k]=1&l=true&l=&o[p][q]=r s",
            ),
            (
                ArrayFormat::Commas,
                "array=a,b,c,d",
                r#"l={"k":1},[true,null]&o[p][q]=r s"#,
            ),
            (
                ArrayFormat::Brackets,
                "array[]=a&array[]=b&array[]=c&array[]=d",
                "l[][k]=1&l[][]=true&l[][]=&o[p][q]=r s",
            ),
        ] {
            for (body, wanted) in [(&letters, wanted), (&inner, deeper)] {
                let made = encoded(body, format).unwrap();
                assert_eq!(percent_decode_str(&made).decode_utf8().unwrap(), wanted);
            }
        }
        // The developer guide's own example.
        let invoice = json!({"description": "Monthly subscription", "metadata": {"order_details": "monthly report data"}, "customer": "1234567890"});
        assert_eq!(
            encoded(&invoice, ArrayFormat::Indices).unwrap(),
            "description=Monthly%20subscription&metadata%5Border_details%5D=monthly%20report%20data&customer=1234567890"
        );
    }

    #[test]
    fn nothing_leaves_its_part_and_nothing_is_too_deep() {
        let made = encoded(&json!({"a&b=": "c&d=e+f"}), ArrayFormat::Indices).unwrap();
        assert_eq!(made, "a%26b%3D=c%26d%3De%2Bf");
        let mut deep = json!(1);
        for _ in 0..DEPTH {
            deep = json!({"a": deep});
        }
        assert!(encoded(&deep, ArrayFormat::Indices).is_ok());
        assert!(encoded(&json!({"a": deep}), ArrayFormat::Indices).is_err());
        assert!(encoded(&json!(["a"]), ArrayFormat::Indices).is_err());
    }
}
