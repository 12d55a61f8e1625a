use super::*;

/// Reads everything and says what was there.
fn outline(body: &[u8]) -> Result<String, Fault> {
    fn inside(reader: &mut Reader<'_>, name: &str, out: &mut String) -> Result<(), Fault> {
        out.push_str(name);
        for (name, value) in &reader.attributes {
            out.push_str(&format!(" {name}={value}"));
        }
        let mark = reader.mark();
        let text = reader.text()?;
        reader.reset(mark);
        out.push_str(&format!("[{text}"));
        while let Some(child) = reader.child()? {
            inside(reader, child, out)?;
        }
        out.push(']');
        Ok(())
    }
    let mut reader = Reader::new(body)?;
    let root = reader.root()?;
    let mut out = String::new();
    inside(&mut reader, root, &mut out)?;
    reader.finish()?;
    Ok(out)
}

#[test]
fn entities_and_namespaces() {
    for (given, expected) in [
        (
            "<?xml version=\"1.0\"?><a:r xmlns:a=\"u\" x:t='1&amp;2'><b>&lt;&#65;&#x42;<![CDATA[<]]></b> <c/></a:r >\n",
            "r a=u t=1&2[b[<AB<]c[]]",
        ),
        ("\u{feff}<a>1\r\n2\r3</a><!-- b -->", "a[1\n2\n3]"),
        ("<a>x<b>y</b>z<!-- & --></a>", "a[xzb[y]]"),
        ("<a b = \"c\" d='\te'\n/>", "a b=c d= e[]"),
        ("<a> <![CDATA[&lt;]]></a>", "a[ &lt;]"),
    ] {
        assert_eq!(
            outline(given.as_bytes()).as_deref(),
            Ok(expected),
            "{given}"
        );
    }
}

#[test]
fn hostile_documents_are_refused() {
    let deep = "<a>".repeat(65) + &"</a>".repeat(65);
    let many: String = (0..257).map(|at| format!(" a{at}=''")).collect();
    let many = format!("<a{many}/>");
    for (bad, reason) in [
        ("", "no element"),
        ("<a>", "ends within"),
        ("<a><b></b>", "ends within"),
        ("<a", "ends within"),
        ("<a b=\"", "ends within"),
        ("<a></b>", "well-formed"),
        ("<a></ab>", "well-formed"),
        ("<a></a", "ends within"),
        ("</a>", "not open"),
        ("<a/><b/>", "more than one root"),
        ("x", "text outside"),
        ("<a/>x", "text outside"),
        ("<a>&x;</a>", "entity"),
        ("<a> &x; <b/></a>", "entity"),
        ("<a>&amp</a>", "reference"),
        ("<a>&#0;</a>", "character"),
        ("<a>&#xd800;</a>", "character"),
        ("<a>&#+5;</a>", "character"),
        ("<a>&#x110000;</a>", "character"),
        ("<a>&#99999999999;</a>", "character"),
        ("<a b=1/>", "attribute"),
        ("<a b=\"1\"c=\"2\"/>", "attribute"),
        ("<a b=\"1\" b=\"2\"/>", "twice"),
        ("<a b=\"<\"/>", "attribute"),
        ("< a/>", "without a name"),
        ("<a><!-- </a>", "comment"),
        ("<a><![CDATA[</a>", "CDATA"),
        ("<a><!ELEMENT b></a>", "declaration"),
        (
            r#"<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>"#,
            "document type",
        ),
        (
            r#"<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>"#,
            "document type",
        ),
        ("<a b=\u{b}\"c\"/>", "attribute"),
        ("<a b\u{a0}=\"c\" b=\"c\u{a0}\" b=\"\"/>", "twice"),
        (&deep, "deeper than 64"),
        (&many, "more than 256 attributes"),
    ] {
        let fault = outline(bad.as_bytes()).expect_err(bad);
        assert!(fault.contains(reason), "{bad}: {fault}");
    }
    assert!(outline(b"<a>\xff</a>").is_err());
}

#[test]
fn a_passed_element_must_be_well_formed() {
    for (body, well) in [
        ("<a><b><c>1</c><c/></b><d/></a>", true),
        ("<a><b><c>1</b></c><d/></a>", false),
        ("<a><b>&nbsp;</b><d/></a>", false),
    ] {
        let mut reader = Reader::new(body.as_bytes()).expect("UTF-8");
        reader.root().expect("a root");
        reader.child().expect("a child").expect("a child");
        let passed = reader
            .skip()
            .and_then(|()| reader.child())
            .is_ok_and(|next| next == Some("d"));
        assert_eq!(passed, well, "{body}");
    }
}
