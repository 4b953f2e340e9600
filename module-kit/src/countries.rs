//! The countries of the world, by their two letters.

/// ISO 3166-1 alpha-2, and `xk` for Kosovo, which that standard leaves to its users
/// and postal services use; lower-case, ascending.
const CODES: &str = "\
    ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bv bw by bz \
    ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et fi fj fk fm fo fr \
    ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it \
    je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo \
    mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py \
    qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn to \
    tr tt tv tw tz ua ug um us uy uz va vc ve vg vi vn vu wf ws xk ye yt za zm zw";

/// All codes.
pub fn codes() -> impl Iterator<Item = &'static str> {
    CODES.split(' ')
}

/// A code in lower case, if there is such a country.
pub fn code(text: &str) -> Option<String> {
    let code = text.to_ascii_lowercase();
    codes().any(|known| known == code).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_249_countries_and_kosovo() {
        let codes: Vec<&str> = codes().collect();
        assert_eq!(codes.len(), 250);
        assert!(codes.contains(&"xk"));
        assert!(codes.is_sorted());
        assert!(codes.iter().all(|code| code.len() == 2));
    }

    #[test]
    fn a_code_is_taken_in_either_case() {
        assert_eq!(code("US").as_deref(), Some("us"));
        assert_eq!(code("de").as_deref(), Some("de"));
        for other in ["", "u", "usa", "xx", "zzz", "d e", "Germany"] {
            assert_eq!(code(other), None, "{other}");
        }
    }
}
