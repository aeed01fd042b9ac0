//! Test 6.1.12: language tags (RFC 5646) whose subtags exist.
//!
//! Languages of two letters and regions of two letters are looked up; those of three letters or
//! digits are only checked for their form.

use super::Report;

/// Two-letter languages (ISO 639-1, with the deprecated ones of the registry).
const LANGUAGES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch \
    co cr cs cu cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he \
    hi ho hr ht hu hy hz ia id ie ig ii ik in io is it iu iw ja ji jv jw ka kg ki kj kk kl km kn ko \
    kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mo mr ms mt my na nb nd ne ng nl \
    nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn \
    so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh \
    yi yo za zh zu";

/// Two-letter regions (ISO 3166-1, with those that the registry adds).
const REGIONS: &str = "AA AC AD AE AF AG AI AL AM AN AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH \
    BI BJ BL BM BN BO BQ BR BS BT BU BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CP CR CS CU CV \
    CW CX CY CZ DD DE DG DJ DK DM DO DZ EA EC EE EG EH ER ES ET EU EZ FI FJ FK FM FO FR FX GA GB GD \
    GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU IC ID IE IL IM IN IO IQ IR IS \
    IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF \
    MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NT NU NZ OM \
    PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM \
    SN SO SR SS ST SU SV SX SY SZ TA TC TD TF TG TH TJ TK TL TM TN TO TP TR TT TV TW TZ UA UG UM UN \
    US UY UZ VA VC VE VG VI VN VU WF WS YD YE YT YU ZA ZM ZR ZW ZZ";

/// Tags that stand in the registry as a whole.
const GRANDFATHERED: &str = "en-gb-oed i-ami i-bnn i-default i-enochian i-hak i-klingon i-lux \
    i-mingo i-navajo i-pwn i-tao i-tay i-tsu sgn-be-fr sgn-be-nl sgn-ch-de art-lojban cel-gaulish \
    no-bok no-nyn zh-guoyu zh-hakka zh-min zh-min-nan zh-xiang";

/// 6.1.12: the languages of the document exist.
pub(super) fn valid(report: &mut Report<'_>) {
    for key in ["lang", "source_lang"] {
        let tag = report.text(&["document", key]);
        if !tag.is_empty() && !is_valid(tag) {
            report.fail(format!("/document/{key}"), format!("{tag:?} is no language"));
        }
    }
}

fn is_valid(tag: &str) -> bool {
    let lower = tag.to_ascii_lowercase();
    if lower.split_whitespace().count() != 1 {
        return false;
    }
    if GRANDFATHERED.split_whitespace().any(|known| known == lower) {
        return true;
    }
    let mut parts = lower.split('-').peekable();
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let exists = match parts.next() {
        Some("x") => {
            return parts.peek().is_some() && parts.all(|part| (1..=8).contains(&part.len()));
        }
        Some(primary) if primary.len() == 2 => LANGUAGES.split_whitespace().any(|l| l == primary),
        Some(primary) => primary.len() == 3 && letters(primary),
        None => false,
    };
    let mut private = false;
    exists
        && parts.all(|part| {
            let alphanumeric = part.bytes().all(|byte| byte.is_ascii_alphanumeric());
            private |= part.len() == 1;
            alphanumeric
                && match part.len() {
                    _ if private => part.len() <= 8 && !part.is_empty(),
                    2 => REGIONS.split_whitespace().any(|region| region.eq_ignore_ascii_case(part)),
                    3 => letters(part) || part.bytes().all(|byte| byte.is_ascii_digit()),
                    4 => letters(part) || part.starts_with(|c: char| c.is_ascii_digit()),
                    length => (5..=8).contains(&length),
                }
        })
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn tags_are_looked_up() {
        for tag in
            ["en", "en-US", "de", "zh-Hant-TW", "es-419", "i-default", "x-own", "sl-rozaj", "yue"]
        {
            assert!(is_valid(tag), "{tag}");
        }
        for tag in ["EZ", "xx", "", "e", "en-QX", "en US", "english", "x", "en-", "12"] {
            assert!(!is_valid(tag), "{tag}");
        }
    }
}
