//! The JSON reader and writer.

use palmnet::unversioned::Json;
use proptest::prelude::*;

#[test]
fn json_values() {
    let text = " { \"a\" : [ 1 , -0.5e+1, 2E3, true ] , \"\" : null, \"b\": {\"c\": \"d\"}, \"e\": [], \"f\": {}, \
                \"g\": false }\r\n\t";
    let json = Json::parse(text).unwrap();
    assert_eq!(json.to_string(), r#"{"a":[1,-5,2000,true],"":null,"b":{"c":"d"},"e":[],"f":{},"g":false}"#);
    let a = json.get("a").unwrap().as_array().unwrap();
    assert_eq!((a[0].as_usize(), a[1].as_usize(), a[1].as_f64(), a[3].as_f64()), (Some(1), None, Some(-5.0), None));
    assert_eq!(json.get("b").unwrap().get("c").unwrap().as_str(), Some("d"));
    assert_eq!(json.as_object().unwrap().len(), 6);
    assert_eq!((json.get("h"), a[0].get("a"), json.as_str(), json.as_array()), (None, None, None, None));
    assert_eq!(Json::Number(0.5).as_usize(), None);
    assert_eq!(Json::Number(9_007_199_254_740_994.0).as_usize(), None);
}

#[test]
fn json_strings() {
    let json = Json::parse(r#""\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00é😀""#).unwrap();
    assert_eq!(json.as_str(), Some("\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1F600}\u{e9}\u{1F600}"));
    assert_eq!(Json::from("\u{1}\u{1f}\"\\é\n").to_string(), r#""\u0001\u001f\"\\é\n""#);
}

#[test]
fn json_numbers_are_short() {
    let cases = [
        (Json::from(0.1f32), "0.1"),
        (Json::from(0.1f64), "0.1"),
        (Json::from(60_000usize), "60000"),
        (Json::from(1.0), "1"),
        (Json::from(-0.0), "-0"),
        (Json::from(1e-8f32), "1e-8"),
        (Json::from(1e300), "1e300"),
        (Json::from(123_456_789_012_345.0), "123456789012345"),
        (Json::from(f32::MAX), "3.4028235e38"),
        (Json::from(f32::NAN), "null"),
        (Json::from(f32::INFINITY), "null"),
        (Json::from(f64::NEG_INFINITY), "null"),
    ];
    for (json, text) in cases {
        assert_eq!(json.to_string(), text);
    }
    // The one number of its size that is not itself when it is rounded to f64 before it is rounded to f32.
    let awkward = f32::from_bits(0x15AE_43FD);
    assert_eq!(Json::from(awkward).as_f64().unwrap() as f32, awkward);
}

#[test]
fn malformed_json_is_refused() {
    let cases = [
        ("", "a value expected, but the text ends at byte 0"),
        ("[1,]", "a value expected, ']' found at byte 3"),
        ("[1 2]", "',' or ']' expected, '2' found at byte 3"),
        ("{\"a\":1,}", "a name in '\"' expected, '}' found at byte 7"),
        ("{a:1}", "a name in '\"' expected, 'a' found at byte 1"),
        ("{\"a\" 1}", "':' expected, '1' found at byte 5"),
        ("{\"a\":1,\"b\":2,\"a\":3}", "the name `a` twice in the object that ends at byte 19"),
        ("1 é", "the end expected, 'é' found at byte 2"),
        ("01", "the end expected, '1' found at byte 1"),
        ("+1", "a value expected, '+' found at byte 0"),
        ("1.", "a digit expected, but the text ends at byte 2"),
        (".5", "a value expected, '.' found at byte 0"),
        ("-", "a digit expected, but the text ends at byte 1"),
        ("1e+", "a digit expected, but the text ends at byte 3"),
        ("1e999", "a number beyond the range of f64 that ends at byte 5"),
        ("NaN", "a value expected, 'N' found at byte 0"),
        ("nul", "a value expected, 'n' found at byte 0"),
        ("truefalse", "the end expected, 'f' found at byte 4"),
        ("\u{feff}1", "a value expected, '\\u{feff}' found at byte 0"),
        ("\"a", "the '\"' that ends the string, or an escape, expected, but the text ends at byte 2"),
        ("\"a\nb\"", "the '\"' that ends the string, or an escape, expected, '\\n' found at byte 2"),
        ("\"\\x\"", "an escape character expected, 'x' found at byte 2"),
        ("\"\\é\"", "an escape character expected, 'é' found at byte 2"),
        ("\"\\u12g4\"", "a hexadecimal digit expected, 'g' found at byte 5"),
        ("\"\\ud800\"", "a surrogate without its other half at byte 7"),
        ("\"\\udc00\\ud800\"", "a surrogate without its other half at byte 7"),
        ("\"\\ud800\\u0041\"", "a surrogate without its other half at byte 13"),
    ];
    for (text, message) in cases {
        assert_eq!(Json::parse(text), Err(message.into()), "{text}");
    }
    let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
    assert!(Json::parse(&nested(64)).is_ok());
    assert_eq!(Json::parse(&nested(65)), Err("more than 64 levels deep at byte 64".into()));
    assert!(Json::parse(&"[".repeat(1_000_000)).is_err());
    assert!(Json::parse(&"{\"a\":".repeat(1_000_000)).is_err());
}

fn any_json() -> impl Strategy<Value = Json> {
    let finite = any::<f64>().prop_filter("JSON has finite numbers only", |x| x.is_finite());
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        finite.prop_map(Json::from),
        any::<String>().prop_map(Json::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::Array),
            prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(Json::object),
        ]
    })
}

proptest! {
    #[test]
    fn json_round_trips(json in any_json()) {
        let text = json.to_string();
        prop_assert!(!text.contains('\n'));
        prop_assert_eq!(Json::parse(&text), Ok(json));
    }

    #[test]
    fn json_of_f32_reads_back(bits in any::<u32>()) {
        let x = f32::from_bits(bits);
        prop_assume!(x.is_finite());
        let json = Json::from(x);
        prop_assert_eq!(json.as_f64().map(|x| x as f32), Some(x));
        prop_assert!(json.to_string().len() <= 17, "{}", json);
    }

    #[test]
    fn json_survives_any_text(text in any::<String>(), near in "[\\[\\]{}\",:\\\\u0-9eE+.\\-tfnaé ]{0,40}") {
        let _ = Json::parse(&text);
        if let Ok(json) = Json::parse(&near) {
            prop_assert_eq!(Json::parse(&json.to_string()), Ok(json));
        }
    }
}
