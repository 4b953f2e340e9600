//! The names of a statement's columns, from its text. Not a parser of SQL: it finds the list of
//! columns of the first `select`, or the one after `returning`, outside of parentheses.

/// A part of a statement.
#[derive(Clone, Copy, PartialEq)]
enum Token<'s> {
    /// A name or a keyword.
    Word(&'s str),
    /// A name in quotes, without them.
    Quoted(&'s str),
    /// One of `,`, `.`, `*`, or a parenthesis with all in it, which is `(`.
    Sign(char),
    /// Anything else.
    Other,
}

/// Returns the names of the columns, as they are after `as` or of the column itself; none where
/// one has no name, as `*`. An expression without a name is an empty one.
pub(super) fn of(statement: &str) -> Vec<&str> {
    let tokens = tokens(statement);
    let first = |word: &str| tokens.iter().position(|token| is(token, word));
    let Some(begin) = first("returning").or_else(|| first("select")) else {
        return Vec::new();
    };
    let listed = &tokens[begin + 1..];
    let ends = ["from", "where", "union", "order", "limit"];
    let end = listed
        .iter()
        .position(|token| ends.iter().any(|end| is(token, end)));
    let listed = &listed[..end.unwrap_or(listed.len())];
    let columns: Vec<&[Token<'_>]> = listed.split(|token| *token == Token::Sign(',')).collect();
    if columns.iter().any(|column| is_all(column)) {
        return Vec::new();
    }
    columns.into_iter().map(name).collect()
}

/// Whether a column stands for all of a table: `*` or `a.*`.
fn is_all(column: &[Token<'_>]) -> bool {
    let before = column.split_last();
    before.is_some_and(|(last, before)| {
        *last == Token::Sign('*') && matches!(before, [] | [.., Token::Sign('.')])
    })
}

/// The name of a column: that after `as`, or that of the column itself.
fn name<'s>(column: &[Token<'s>]) -> &'s str {
    let column = match column {
        [first, rest @ ..] if is(first, "distinct") && !rest.is_empty() => rest,
        column => column,
    };
    let (last, before) = match column.split_last() {
        Some((Token::Word(name) | Token::Quoted(name), before)) => (name, before),
        _ => return "",
    };
    match before {
        [] | [Token::Word(_) | Token::Quoted(_), Token::Sign('.')] => last,
        [.., before] if is(before, "as") => last,
        _ => "",
    }
}

fn is(token: &Token<'_>, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.eq_ignore_ascii_case(word))
}

/// The parts of a statement, outside of parentheses.
fn tokens(statement: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut depth = 0;
    let mut rest = statement;
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '-' if rest.starts_with("--") => (None, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => {
                (None, rest.find("*/").map_or(rest.len(), |at| at + 2))
            }
            '\'' => (Some(Token::Other), quoted(rest, '\'')),
            '"' | '`' | '[' => {
                let length = quoted(rest, if first == '[' { ']' } else { first });
                let inner = rest.get(1..length - 1).unwrap_or_default();
                (Some(Token::Quoted(inner)), length)
            }
            '(' => {
                depth += 1;
                (None, 1)
            }
            ')' => {
                depth -= 1;
                ((depth == 0).then_some(Token::Sign('(')), 1)
            }
            ',' | '.' | '*' => (Some(Token::Sign(first)), 1),
            first if first.is_alphabetic() || first == '_' => {
                let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
                let length = end.unwrap_or(rest.len());
                (Some(Token::Word(&rest[..length])), length)
            }
            first if first.is_whitespace() => (None, first.len_utf8()),
            first => (Some(Token::Other), first.len_utf8()),
        };
        // The token of a closed parenthesis stands for all in it.
        tokens.extend(token.filter(|_| depth == 0));
        rest = &rest[length..];
    }
    tokens
}

/// The length of a text in quotes; two of them are one in it.
fn quoted(text: &str, end: char) -> usize {
    let mut at = 1;
    while let Some(found) = text[at..].find(end) {
        at += found + 1;
        if !text[at..].starts_with(end) {
            return at;
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_names_that_the_statement_gives_them() {
        for (statement, columns) in [
            ("select 1", &[""][..]),
            ("select id from a", &["id"]),
            ("SELECT a.id, b.name AS title FROM a", &["id", "title"]),
            (
                "select count(*) as count, max(b, 1) highest from a",
                &["count", ""],
            ),
            (
                "select count(*), points * 2 as twice, x + y from a",
                &["", "twice", ""],
            ),
            ("select distinct a.kind, b from a", &["kind", "b"]),
            ("select distinct from a", &["distinct"]),
            (
                "select \"as\" b, \"t\".\"x\", y as \"as\" from a",
                &["", "x", "as"],
            ),
            (
                "with b as (select x, y from a) select b.x from b order by b.x",
                &["x"],
            ),
            (
                "select \"from\", 'a, b' as text, [to], (select 1 from c) as one from a",
                &["from", "text", "to", "one"],
            ),
            (
                "insert into a (x, y) select x, y from b returning id, x as kept",
                &["id", "kept"],
            ),
            (
                "select id, -- the key, and\n points /* of a, b */ from a union select 1, 2",
                &["id", "points"],
            ),
            (
                "select 'it''s, so' as said, größe from a",
                &["said", "größe"],
            ),
            (
                "select case when a then 1 else 2 end as kind from a",
                &["kind"],
            ),
        ] {
            assert_eq!(of(statement), columns, "{statement}");
        }
    }

    #[test]
    fn a_statement_that_does_not_name_its_columns_has_none() {
        for statement in [
            "",
            "select * from a",
            "select a.*, 1 as one from a",
            "update a set x = 1",
            "insert into a (select) values (1)",
        ] {
            assert_eq!(of(statement), Vec::<&str>::new(), "{statement}");
        }
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        for statement in [
            "select '",
            "select \"",
            "select (",
            "select )a, b",
            "select /*",
            "ä'ö\"ü(",
        ] {
            of(statement);
        }
    }
}
