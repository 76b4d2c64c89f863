//! Changes to a scenario that leave it one: another status, a header more, a member of the body gone, moved or replaced.

use crate::scenario::{Answer, Scenario};
use crate::setup::Setup;
use crate::setups;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// What upstreams say, one word or sentence a line, in libFuzzer's format: it reads the same file.
const DICTIONARY: &str = include_str!("../words.dict");

const STATUSES: [u16; 24] = [
    200, 200, 200, 201, 202, 204, 206, 301, 302, 304, 400, 401, 403, 404, 405, 408, 409, 410, 422, 429, 500, 502, 503, 504,
];
const HEADERS: [&str; 9] = [
    "date",
    "retry-after",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "ratelimit-reason",
    "x-seraph-loginreason",
    "content-type",
    "x-note",
    "set-cookie",
];
/// The host's clock, now and then: at the beginning, at the end of its range, and a day before a month's end.
const CLOCKS: [u64; 4] = [0, 1_786_960_800_000, 1_798_675_199_999, 253_402_300_799_999];

/// A changed scenario for this target, no longer than `most`; `None` where only bytes are to be changed.
#[must_use]
pub fn scenario(target: &str, data: &[u8], most: usize, seed: u32) -> Option<Vec<u8>> {
    let setups: &[Setup] = match target {
        "github" => setups::github::SETUPS,
        "gitlab" => setups::gitlab::SETUPS,
        "jira" => setups::jira::SETUPS,
        "google" => setups::google::SETUPS,
        "answer" | "times" => &[],
        _ => return None,
    };
    let mut dice = Dice(u64::from(seed) ^ 0x9e37_79b9_7f4a_7c15);
    let mut scenario = Scenario::read(data);
    for _ in 0..=dice.below(3) {
        change(&mut scenario, setups, &mut dice);
    }
    let text = scenario.to_string().into_bytes();
    (text.len() <= most).then_some(text)
}

fn change(scenario: &mut Scenario, setups: &[Setup], dice: &mut Dice) {
    match dice.below(16) {
        0 if !setups.is_empty() => {
            let setup = &setups[dice.below(setups.len())];
            let call = setup.calls[dice.below(setup.calls.len())];
            scenario.head = format!("{} {}", call.name(), setup.name);
        }
        1 => scenario.now_ms = CLOCKS[dice.below(CLOCKS.len())],
        2 if !scenario.answers.is_empty() => {
            let at = dice.below(scenario.answers.len());
            scenario.answers.remove(at);
        }
        3 => {
            let at = dice.below(scenario.answers.len() + 1);
            let body = value(dice, 2).to_string();
            scenario.answers.insert(
                at,
                Answer {
                    status: STATUSES[dice.below(STATUSES.len())],
                    headers: Vec::new(),
                    body,
                },
            );
        }
        4 if scenario.answers.len() > 1 => {
            let (a, b) = (dice.below(scenario.answers.len()), dice.below(scenario.answers.len()));
            scenario.answers.swap(a, b);
        }
        other => {
            let count = scenario.answers.len();
            if count == 0 {
                return change_nothing(scenario, dice);
            }
            answer(&mut scenario.answers[dice.below(count)], other, dice);
        }
    }
}

fn change_nothing(scenario: &mut Scenario, dice: &mut Dice) {
    let body = value(dice, 2).to_string();
    scenario.answers.push(Answer {
        status: 200,
        headers: Vec::new(),
        body,
    });
}

fn answer(answer: &mut Answer, kind: usize, dice: &mut Dice) {
    match kind {
        5 | 6 => answer.status = STATUSES[dice.below(STATUSES.len())],
        7 => {
            let name = HEADERS[dice.below(HEADERS.len())].to_owned();
            let text = word(dice).replace(['\n', '\r'], " ");
            answer.headers.retain(|(known, _)| *known != name);
            answer.headers.push((name, text));
        }
        8 if !answer.headers.is_empty() => {
            let at = dice.below(answer.headers.len());
            answer.headers.remove(at);
        }
        9 if dice.below(4) == 0 => answer.body = word(dice),
        _ => {
            let Some(mut body) = answer.json() else {
                answer.body = value(dice, 2).to_string();
                return;
            };
            let count = nodes(&body);
            let mut at = dice.below(count);
            if let Some(node) = node(&mut body, &mut at) {
                inside(node, dice);
            }
            answer.body = body.to_string();
        }
    }
}

/// One change at one place of a document.
fn inside(node: &mut Value, dice: &mut Dice) {
    match (dice.below(6), &mut *node) {
        (0 | 1, Value::Object(members)) => {
            members.insert(word(dice), value(dice, 1));
        }
        (2, Value::Object(members)) if !members.is_empty() => {
            let key = members.keys().nth(dice.below(members.len())).cloned();
            members.remove(&key.unwrap_or_default());
        }
        (0 | 1, Value::Array(items)) => items.insert(dice.below(items.len() + 1), value(dice, 1)),
        (2, Value::Array(items)) if !items.is_empty() => {
            let again = items[dice.below(items.len())].clone();
            items.push(again);
        }
        (3, Value::String(text)) => {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let more = word(dice);
            text.insert_str(places[dice.below(places.len())], &more);
        }
        (4, Value::String(text)) => {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            text.truncate(places.get(dice.below(places.len() + 1)).copied().unwrap_or_default());
        }
        (5, _) => {
            let inner = node.take();
            *node = if dice.below(2) == 0 {
                json!([inner])
            } else {
                Value::Object(Map::from_iter([(word(dice), inner)]))
            };
        }
        _ => *node = value(dice, 1),
    }
}

fn nodes(value: &Value) -> usize {
    1 + match value {
        Value::Object(members) => members.values().map(nodes).sum(),
        Value::Array(items) => items.iter().map(nodes).sum::<usize>(),
        _ => 0,
    }
}

/// The `at`th place, counted from the root.
fn node<'v>(value: &'v mut Value, at: &mut usize) -> Option<&'v mut Value> {
    if *at == 0 {
        return Some(value);
    }
    *at -= 1;
    match value {
        Value::Object(members) => members.values_mut().find_map(|member| node(member, at)),
        Value::Array(items) => items.iter_mut().find_map(|item| node(item, at)),
        _ => None,
    }
}

fn value(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth == 0 { 10 } else { 12 }) {
        0 => Value::Null,
        1 => Value::Bool(dice.below(2) == 0),
        2 => Value::from(dice.next()),
        3 => Value::from(-i64::from(dice.next() as u32)),
        4 => [
            json!(0),
            json!(1),
            json!(-1),
            json!(3600.5),
            json!(1e308),
            json!(i64::MAX),
            json!(u64::MAX),
        ][dice.below(7)]
        .clone(),
        5 => Value::from(dice.below(100_000).to_string()),
        6 => Value::from(["", " ", "\n", "a\nb", "\u{0}", "<x>", "é\u{202e}", "x y@z", "@"][dice.below(9)]),
        7 => Value::from(word(dice).repeat(1 + dice.below(40))),
        10 => (0..dice.below(4)).map(|_| value(dice, depth - 1)).collect(),
        11 => Value::Object((0..dice.below(4)).map(|_| (word(dice), value(dice, depth - 1))).collect()),
        _ => Value::from(word(dice)),
    }
}

fn word(dice: &mut Dice) -> String {
    static WORDS: OnceLock<Vec<String>> = OnceLock::new();
    let words = WORDS.get_or_init(|| DICTIONARY.lines().filter_map(entry).collect());
    words[dice.below(words.len())].clone()
}

/// `"text"`, with `\\` and `\"`.
fn entry(line: &str) -> Option<String> {
    let text = line.trim().strip_prefix('"')?.strip_suffix('"')?;
    Some(text.replace("\\\"", "\"").replace("\\\\", "\\"))
}

/// A generator of the kind that libFuzzer's seed is for: the same seed, the same change (xorshift64*, Vigna 2016).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        // The modulo's unevenness does not matter for choosing a change.
        let end = u64::try_from(end.max(1)).unwrap_or(1);
        usize::try_from((self.next() >> 16) % end).unwrap_or_default()
    }
}
