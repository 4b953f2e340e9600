//! Query strings as the `qs` library reads them: `a[b]=1`, `a[]=1`, `a[0]=1`,
//! `a=1&a=2` and `a.b=1` become a tree. Knows no parameter by name.

use super::percent::percent_decode;

/// Parameters that first come beyond this are refused. More of one that came before
/// are read: a list that is too long has a refusal of its own.
const PARAMETERS_MAX: usize = 1_000;
/// Levels of brackets. No parameter of any list has more: four of `$and` and `$or`,
/// each with an index, then a relation, a field, an operator and `[]`.
const DEPTH_MAX: usize = 11;
/// Dots in a key.
const DOTS_MAX: usize = 1;

/// The values and nested keys of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// One text.
    Text(String),
    /// Several of them, or one in brackets.
    List(Vec<Value>),
    /// Keys within the key, in the order in which they were sent.
    Object(Vec<(String, Value)>),
}

impl Value {
    /// As JavaScript's `String()` shows it.
    pub fn show(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::List(values) => values.iter().map(Self::show).collect::<Vec<_>>().join(","),
            Self::Object(_) => "[object Object]".to_owned(),
        }
    }
}

/// Reads a query string.
///
/// # Errors
/// The issue, naming the parameter.
pub fn parse(query: &str) -> Result<Vec<(String, Value)>, String> {
    let mut root = Node::default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    for (count, pair) in pairs.enumerate() {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let key = decode(key, key)?;
        let value = decode(value, &key)?;
        let path = path(&key)?;
        if count >= PARAMETERS_MAX && !root.has(&path[0]) {
            return Err(format!(
                "Parameter '{}' comes after {PARAMETERS_MAX} others, which are the most that are taken",
                key.escape_debug()
            ));
        }
        root.insert(&path, value);
    }
    Ok(root
        .children
        .into_iter()
        .map(|(key, node)| (key, node.finish()))
        .collect())
}

fn decode(text: &str, key: &str) -> Result<String, String> {
    let wrong = |what: &str| format!("Parameter '{}' {what}", key.escape_debug());
    let spaced = text.replace('+', " ");
    let decoded = percent_decode(&spaced).map_err(|error| wrong(&error.to_string()))?;
    if decoded.contains('\0') {
        return Err(wrong("contains a NUL character"));
    }
    Ok(decoded.into_owned())
}

/// The keys on the way to a value, at least one; the empty one stands for `[]`.
fn path(key: &str) -> Result<Vec<String>, String> {
    let (name, mut rest) = match key.find('[') {
        Some(at) if at > 0 => key.split_at(at),
        _ => (key, ""),
    };
    let mut path: Vec<String> = name.split('.').map(str::to_owned).collect();
    if path.len() > DOTS_MAX + 1 {
        return Err(format!("Key accessor more than 2 levels deep: {name}"));
    }
    if path.iter().any(String::is_empty) {
        path = vec![name.to_owned()];
    }
    while let Some(inner) = rest.strip_prefix('[') {
        let Some(end) = inner.find(']') else {
            // No bracket then, and no name that anything has.
            return Ok(vec![key.to_owned()]);
        };
        if path.len() > DEPTH_MAX {
            return Err(format!(
                "Parameter '{}' is nested more than {DEPTH_MAX} levels deep",
                key.escape_debug()
            ));
        }
        path.push(inner[..end].to_owned());
        rest = &inner[end + 1..];
    }
    if !rest.is_empty() {
        // What follows the brackets would be lost.
        return Ok(vec![key.to_owned()]);
    }
    Ok(path)
}

/// A key while its values are still coming in.
#[derive(Default)]
struct Node {
    values: Vec<String>,
    children: Vec<(String, Node)>,
}

impl Node {
    fn has(&self, key: &str) -> bool {
        self.children.iter().any(|(name, _)| name == key)
    }

    fn insert(&mut self, path: &[String], value: String) {
        let Some((key, rest)) = path.split_first() else {
            self.values.push(value);
            return;
        };
        let at = match self.children.iter().position(|(name, _)| name == key) {
            // Each `[]` is an element of its own, but for what is below it.
            Some(at) if !(key.is_empty() && rest.is_empty()) => at,
            _ => {
                self.children.push((key.clone(), Self::default()));
                self.children.len() - 1
            }
        };
        self.children[at].1.insert(rest, value);
    }

    fn finish(self) -> Value {
        let mut values: Vec<Value> = self.values.into_iter().map(Value::Text).collect();
        if self.children.is_empty() {
            return if values.len() == 1 {
                values.remove(0)
            } else {
                Value::List(values)
            };
        }
        let mut children = self.children;
        let index = |key: &str| {
            if key.is_empty() {
                Some(usize::MAX)
            } else {
                key.parse::<usize>().ok()
            }
        };
        if children.iter().all(|(key, _)| index(key).is_some()) {
            children.sort_by_key(|(key, _)| index(key));
            values.extend(children.into_iter().map(|(_, node)| node.finish()));
            return Value::List(values);
        }
        let keys = children.into_iter().map(|(key, node)| (key, node.finish()));
        let object = Value::Object(keys.collect());
        if values.is_empty() {
            return object;
        }
        // Texts beside keys, as in `a=b&a[c]=d`, are all in a list, as `qs` has it.
        values.push(object);
        Value::List(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn list(texts: &[&str]) -> Value {
        Value::List(texts.iter().map(|part| text(part)).collect())
    }

    fn object(pairs: &[(&str, Value)]) -> Value {
        Value::Object(
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone()))
                .collect(),
        )
    }

    fn check(query: &str, tree: &[(&str, Value)]) {
        let tree: Vec<(String, Value)> = tree
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone()))
            .collect();
        assert_eq!(parse(query), Ok(tree), "{query}");
    }

    #[test]
    fn a_key_has_a_text() {
        check("", &[]);
        check(
            "a=1&b=x%20y+z&c",
            &[("a", text("1")), ("b", text("x y z")), ("c", text(""))],
        );
        check("a=b=c&&d=%C3%A9", &[("a", text("b=c")), ("d", text("é"))]);
    }

    #[test]
    fn several_texts_make_a_list() {
        for query in [
            "a=1&a=2",
            "a[]=1&a[]=2",
            "a[0]=1&a[1]=2",
            "a[1]=2&a[0]=1",
            "a%5B%5D=1&a%5B%5D=2",
        ] {
            check(query, &[("a", list(&["1", "2"]))]);
        }
        check("a[]=1", &[("a", list(&["1"]))]);
    }

    #[test]
    fn keys_within_keys_make_an_object() {
        check(
            "a[b]=1&a[$c]=2",
            &[("a", object(&[("b", text("1")), ("$c", text("2"))]))],
        );
        check("a.b=1", &[("a", object(&[("b", text("1"))]))]);
        check(
            "a[%24in][]=1&a[$in][]=2",
            &[("a", object(&[("$in", list(&["1", "2"]))]))],
        );
        check(
            "$or[0][a]=1&$or[1][b][c]=2",
            &[(
                "$or",
                Value::List(vec![
                    object(&[("a", text("1"))]),
                    object(&[("b", object(&[("c", text("2"))]))]),
                ]),
            )],
        );
    }

    #[test]
    fn an_invalid_query_is_refused() {
        for (query, message) in [
            (
                "a=%",
                "Parameter 'a' has a percent sign that no two hexadecimal digits follow",
            ),
            (
                "a=%zz",
                "Parameter 'a' has a percent sign that no two hexadecimal digits follow",
            ),
            ("a=%ff", "Parameter 'a' is not valid UTF-8"),
            ("a=x%00y", "Parameter 'a' contains a NUL character"),
            ("a.b.c=1", "Key accessor more than 2 levels deep: a.b.c"),
            (
                "a[1][2][3][4][5][6][7][8][9][10][11][12]=1",
                "Parameter 'a[1][2][3][4][5][6][7][8][9][10][11][12]' is nested more than 11 levels deep",
            ),
        ] {
            assert_eq!(parse(query), Err(message.to_owned()), "{query}");
        }
    }

    #[test]
    fn nothing_that_was_sent_is_dropped() {
        let beside = |texts: &[&str], key: &str| {
            let mut values: Vec<Value> = texts.iter().map(|part| text(part)).collect();
            values.push(object(&[(key, text("1"))]));
            Value::List(values)
        };
        check("a=x&a[b]=1", &[("a", beside(&["x"], "b"))]);
        check("a[b]=1&a=x&a=y", &[("a", beside(&["x", "y"], "b"))]);
        check(
            "a[0]=x&a[b]=1",
            &[("a", object(&[("0", text("x")), ("b", text("1"))]))],
        );
        for key in ["a[b]c", "a[b].c", "a[b]]", "a[b]c[d]"] {
            check(&format!("{key}=1"), &[(key, text("1"))]);
        }
        check("a[b=1", &[("a[b", text("1"))]);
        check("a[b][c=1", &[("a[b][c", text("1"))]);
    }

    #[test]
    fn parameters_that_first_come_after_a_thousand_are_refused() {
        let Ok(tree) = parse(&"a=1&".repeat(1_500)) else {
            panic!()
        };
        assert_eq!(tree.len(), 1);
        assert!(matches!(&tree[0].1, Value::List(values) if values.len() == 1_500));
        assert_eq!(
            parse(&("a=1&".repeat(1_000) + "b=2")),
            Err(
                "Parameter 'b' comes after 1000 others, which are the most that are taken"
                    .to_owned()
            )
        );
        assert!(parse(&("a=1&".repeat(999) + "b=2")).is_ok());
    }
}
