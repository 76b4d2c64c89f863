//! What it says about itself, and how it lies about it.

use crate::bindings::claviger::provider::clock;

/// The tests change this word in the compiled component: a manifest is asked for without arguments.
static MODE: &str = "MODE:honest";

pub fn describe() -> String {
    let text = include_str!("../manifest.json");
    match std::hint::black_box(MODE) {
        // Another text each time: the clock moves while it is looked at.
        "MODE:fickle" => {
            let since = clock::now_ms();
            while clock::now_ms() < since + 2 {
                // Busy in between: too many looks at the clock are a flood.
                for turn in 0..50_000_u32 {
                    std::hint::black_box(turn);
                }
            }
            text.replace("Everything wrong", &format!("Everything wrong at {since}"))
        }
        // The same text each time, but not the one that was approved.
        "MODE:greedy" => text.replace("\"/token\"", "\"/everything\""),
        "MODE:cheats" => text.replace("\"/note\"", "\"/refresh_token\""),
        "MODE:looped" => loop {
            std::hint::spin_loop();
        },
        "MODE:giants" => "x".repeat(8 * 1024 * 1024),
        "MODE:sender" => {
            let sent = crate::sending::plain("POST", "https://up.example/token", &[]);
            text.replace("Everything wrong", if sent.is_ok() { "I reached it" } else { "Everything wrong" })
        }
        _ => text.to_owned(),
    }
}
