//! Which texts are email addresses.

/// Whether a text is an email address by the rule that Medusa 2 has from zod 4:
/// `^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$`,
/// or one whose last label is that of an internationalised domain, as `xn--p1ai` (RFC 5890).
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    is_local(local) && !domain.contains("..") && is_domain(domain)
}

fn is_local(local: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte);
    !local.starts_with('.')
        && !local.contains("..")
        && local
            .bytes()
            .all(|byte| word(byte) || byte == b'\'' || byte == b'.')
        && local.bytes().last().is_some_and(word)
}

fn is_domain(domain: &str) -> bool {
    let Some((labels, top)) = domain.rsplit_once('.') else {
        return false;
    };
    is_top(top)
        && labels.split('.').all(|label| {
            label
                .bytes()
                .next()
                .is_some_and(|byte| byte.is_ascii_alphanumeric())
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

fn is_top(label: &str) -> bool {
    let is_encoded = || {
        let prefix = label.get(..4);
        prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--"))
            && label.len() > 4
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    label.len() >= 2 && label.bytes().all(|byte| byte.is_ascii_alphabetic()) || is_encoded()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn email_addresses_are_told_from_other_texts() {
        for good in [
            "a@b.co",
            "a+b@test.com",
            "o'brien@test.com",
            "MiXeD@Test.COM",
            "_@x-y.example",
            "a.b@c.d.ef",
            "x@example.xn--p1ai",
            "x@xn--e1afmkfd.XN--P1AI",
            "x@example.xn--vermgensberater-ctb",
        ] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b.co",
            "a@",
            "a@localhost",
            "a@b.c",
            "a@b.c1",
            "x@example.xn--",
            "x@example.xn--p1ai-",
            "x@example.xn-p1ai",
            "x@example.xn--p1_i",
            "x@xn--p1ai",
            ".a@b.co",
            "a.@b.co",
            "a..b@b.co",
            "a'@b.co",
            " a@b.co",
            "a@b.co ",
            "zoë@test.com",
            "zoe@tëst.com",
            "a@-b.co",
            "a@b..co",
            "a@@b.co",
            "a@b@c.co",
            "a@.co",
            "a@b.co\n",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
