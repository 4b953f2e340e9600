//! What an order may be, and what it comes to. Amounts are as the kit keeps them.

use wares_module_kit::amount;
use wares_module_kit::email::is_email;
use wares_module_kit::prelude::*;

/// The lines of one order.
const LINES_MAX: usize = 100;
/// How many there may be of one line.
const QUANTITY_MAX: u64 = 10_000;

/// An order to be placed.
#[derive(Debug, PartialEq, Eq)]
pub struct NewOrder {
    pub customer_id: String,
    /// The customer's where none is given.
    pub email: Option<String>,
    pub currency_code: String,
    pub lines: Vec<NewLine>,
    pub metadata: Option<Metadata>,
}

/// A line of it.
#[derive(Debug, PartialEq, Eq)]
pub struct NewLine {
    pub title: String,
    pub subtitle: Option<String>,
    pub variant_sku: Option<String>,
    pub unit_price: i64,
    pub quantity: i64,
    pub metadata: Option<Metadata>,
}

impl NewLine {
    /// What it comes to; `None` beyond the largest amount.
    pub fn total(&self) -> Option<i64> {
        let total = self.unit_price.checked_mul(self.quantity)?;
        (total <= amount::MAX).then_some(total)
    }
}

impl NewOrder {
    /// What it comes to; `None` beyond the largest amount.
    pub fn total(&self) -> Option<i64> {
        let totals = self.lines.iter().map(NewLine::total);
        let total = totals.sum::<Option<i64>>()?;
        (total <= amount::MAX).then_some(total)
    }

    /// What `q` looks in.
    pub fn searched(&self, email: &str) -> String {
        let titles = self.lines.iter().map(|line| &*line.title);
        let texts: Vec<&str> = std::iter::once(email).chain(titles).collect();
        texts.join("\n")
    }
}

/// Reads an order, with the issues of all that is wrong with it.
pub fn read(body: &mut Body) -> NewOrder {
    let new = NewOrder {
        customer_id: required(body, "customer_id"),
        email: body.email("email").optional(),
        currency_code: required(body, "currency_code").to_lowercase(),
        lines: body.objects("items", LINES_MAX, line).unwrap_or_default(),
        metadata: body.object("metadata").optional(),
    };
    let mut issues = nuls(&[
        ("customer_id", Some(&new.customer_id)),
        ("email", new.email.as_deref()),
    ]);
    if new.email.as_deref().is_some_and(|email| !is_email(email)) {
        issues.push(Issue::wrong("email", "Invalid email address".to_owned()));
    }
    let code = new.currency_code.as_bytes();
    if code.len() != 3 || !code.iter().all(u8::is_ascii_lowercase) {
        let text = "Field 'currency_code' must be three letters, like eur".to_owned();
        issues.push(Issue::wrong("currency_code", text));
    }
    if new.lines.is_empty() {
        issues.push(Issue::required("items"));
    } else if new.total().is_none() {
        let max = amount::show(amount::MAX);
        let text = format!("Field 'items' must come to at most {max} in total");
        issues.push(Issue::wrong("items", text));
    }
    issues.extend(new.metadata.as_ref().and_then(Metadata::issue_of_new));
    body.issues.rules(issues);
    new
}

fn line(body: &mut Body) -> NewLine {
    let line = NewLine {
        title: required(body, "title"),
        subtitle: body.text("subtitle").optional(),
        variant_sku: body.text("variant_sku").optional(),
        unit_price: body.amount("unit_price").unwrap_or_else(|| {
            body.issues.rules(vec![Issue::required("unit_price")]);
            0
        }),
        quantity: quantity(body),
        metadata: body.object("metadata").optional(),
    };
    let mut issues = nuls(&[
        ("title", Some(&line.title)),
        ("subtitle", line.subtitle.as_deref()),
        ("variant_sku", line.variant_sku.as_deref()),
    ]);
    issues.extend(line.metadata.as_ref().and_then(Metadata::issue_of_new));
    body.issues.rules(issues);
    line
}

/// A text that has to be there, and is not empty.
fn required(body: &mut Body, field: &'static str) -> String {
    let text = body.name(field).unwrap_or_default();
    if text.trim().is_empty() {
        body.issues.rules(vec![Issue::required(field)]);
    }
    text
}

fn quantity(body: &mut Body) -> i64 {
    let issue = match body.number("quantity", QUANTITY_MAX) {
        None => Issue::required("quantity"),
        Some(0) => Issue::wrong(
            "quantity",
            "Field 'quantity' must be at least 1, got: '0'".to_owned(),
        ),
        Some(quantity) => return i64::try_from(quantity).unwrap_or(0),
    };
    body.issues.rules(vec![issue]);
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<NewOrder, Fault> {
        Body::read(text.as_bytes(), read)
    }

    #[track_caller]
    fn refuse(text: &str, message: &str) {
        assert_eq!(read_text(text), Err(Fault::Invalid(message.to_owned())));
    }

    fn order(items: &str) -> String {
        format!(r#"{{"customer_id":"cus_1","currency_code":"EUR","items":{items}}}"#)
    }

    #[test]
    fn an_order_comes_to_the_sum_of_its_lines() {
        let items = r#"[{"title":"Mug","unit_price":12.5,"quantity":2},{"title":"Cup","unit_price":0.01,"quantity":3}]"#;
        let new = read_text(&order(items)).unwrap();
        assert_eq!(new.currency_code, "eur");
        let totals: Vec<Option<i64>> = new.lines.iter().map(NewLine::total).collect();
        assert_eq!(totals, [Some(250_000), Some(300)]);
        assert_eq!(new.total().map(amount::show).as_deref(), Some("25.03"));
        assert_eq!(
            new.searched("ann@shop.example"),
            "ann@shop.example\nMug\nCup"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        refuse(
            "{}",
            "Field 'customer_id' is required; Field 'currency_code' is required; Field 'items' is required",
        );
        refuse(
            &order(r#"[{"title":" "}]"#),
            "Field 'items, 0, title' is required; Field 'items, 0, unit_price' is required; \
             Field 'items, 0, quantity' is required",
        );
        refuse(&order("[]"), "Field 'items' is required");
    }

    #[test]
    fn what_cannot_be_taken_is_refused() {
        let line = |price: &str, quantity: &str| {
            order(&format!(
                r#"[{{"title":"Mug","unit_price":{price},"quantity":{quantity}}}]"#
            ))
        };
        assert!(read_text(&line("0", "1")).is_ok());
        assert!(read_text(&line("10000000", "10000")).is_ok());
        refuse(
            &line("10000000.0001", "10000"),
            "Field 'items' must come to at most 100000000000 in total",
        );
        refuse(
            &line("100000000000", "10000"),
            "Field 'items' must come to at most 100000000000 in total",
        );
        refuse(
            &line("1", "0"),
            "Field 'items, 0, quantity' must be at least 1, got: '0'",
        );
        refuse(
            &line("1", "10001"),
            "Field 'items, 0, quantity' must be at most 10000, got: '10001'",
        );
        refuse(
            &line("1", "1.5"),
            "Expected type: 'number' for field 'items, 0, quantity', got: '1.5'",
        );
        refuse(
            &line("0.00001", "1"),
            "Field 'items, 0, unit_price' must be from 0 to 100000000000 with at most 4 decimals, got: '0.00001'",
        );
        refuse(
            r#"{"customer_id":"cus_1","email":"ann","currency_code":"euro","items":[{"title":"a","unit_price":1,"quantity":1,"tax":1}],"region_id":"x"}"#,
            "Invalid email address; Field 'currency_code' must be three letters, like eur; \
             Unrecognized fields: 'tax, region_id'",
        );
        refuse(
            &order(r#"[{"title":"a\u0000","unit_price":1,"quantity":1}]"#),
            "Field 'items, 0, title' must not contain a NUL character",
        );
    }
}
