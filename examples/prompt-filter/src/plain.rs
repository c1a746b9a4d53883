//! Makes a text plain, so that the same words look the same.

/// The words of a text: lower case, Latin letters for those that look like
/// them, no accents and nothing invisible. Single letters in a row are the
/// word that they spell.
pub(crate) fn words(text: &str) -> Vec<String> {
    let shown = text.chars().filter(|c| !is_invisible(*c) && !is_mark(*c));
    let plain: String = shown
        .flat_map(char::to_lowercase)
        .filter(|c| !is_mark(*c))
        .map(latin)
        .collect();
    let mut words: Vec<String> = Vec::new();
    let mut spelling = false;
    for word in plain
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        let single = word.chars().nth(1).is_none();
        match words.last_mut() {
            Some(last) if single && spelling => last.push_str(word),
            _ => words.push(word.to_owned()),
        }
        spelling = single;
    }
    words
}

/// The first character that a reader does not see and a model does.
///
/// Joiners and direction marks are part of Arabic, Persian or Hindi writing
/// and of emoji, and tags of the flags of regions: there they do not count.
pub(crate) fn invisible(text: &str) -> Option<char> {
    let mut before = ' ';
    let mut in_flag = false;
    for (i, c) in text.char_indices() {
        let is_tag = matches!(c, '\u{e0020}'..='\u{e007f}');
        in_flag = c == '\u{1f3f4}' || (in_flag && is_tag);
        let writing = matches!(c, '\u{200c}'..='\u{200f}' | '\u{61c}') && !before.is_ascii();
        let mark = c == '\u{feff}' && i == 0;
        let expected = writing || mark || (in_flag && is_tag);
        if is_invisible(c) && !expected {
            return Some(c);
        }
        before = c;
    }
    None
}

fn is_invisible(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Accents that stand for themselves, and selectors of a character's look.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}')
}

/// The Latin letter that looks like `c`, of those that keyboards have.
fn latin(c: char) -> char {
    match c {
        // Full width: the whole of ASCII, moved.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0)
            .unwrap_or(c)
            .to_ascii_lowercase(),
        'а' | 'α' | 'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'в' | 'β' => 'b',
        'с' | 'ç' | 'ć' | 'č' => 'c',
        'ԁ' | 'đ' | 'ď' => 'd',
        'е' | 'ё' | 'ε' | 'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => 'e',
        'ɡ' | 'ğ' => 'g',
        'һ' | 'н' => 'h',
        'і' | 'ї' | 'ι' | 'ì'..='ï' | 'ī' | 'ı' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' | 'ł' => 'l',
        'м' => 'm',
        'ո' | 'η' | 'ñ' | 'ń' | 'ň' => 'n',
        'о' | 'ο' | 'σ' | 'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'г' | 'ř' => 'r',
        'ѕ' | 'ś' | 'ş' | 'š' => 's',
        'т' | 'τ' | 'ţ' | 'ť' => 't',
        'υ' | 'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ν' | 'ѵ' => 'v',
        'ѡ' | 'ω' | 'ԝ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' | 'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        _ => c,
    }
}
