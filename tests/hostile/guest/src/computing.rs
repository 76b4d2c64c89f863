//! Deeds that need nobody: loops, memory, recursion, traps.

use crate::bindings::claviger::provider::types::Token;
use crate::{Held, token};
use std::hint::black_box;

pub fn run(what: &str, held: Held) -> Token {
    match what {
        "loop" => loop {
            black_box(0);
        },
        "memory" => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(black_box(vec![1; 1024 * 1024]));
            }
        }
        "recursion" => {
            black_box(deep(&Step(deep), black_box(0)));
        }
        "recursion-with-data" => {
            black_box(wide(&WideStep(wide), [black_box(0); 64]));
        }
        "panic" => panic!("these are its last words"),
        "unreachable" => std::process::abort(),
        "divide" => {
            black_box(1_u32.checked_div(black_box(0)).expect("nobody divides by zero"));
        }
        _ => {}
    }
    token(held.take("token"))
}

/// A function that calls itself through a pointer: no compiler makes a loop of it.
struct Step(fn(&Step, u64) -> u64);

fn deep(step: &Step, n: u64) -> u64 {
    (step.0)(step, n.wrapping_add(1)).rotate_left(3) ^ n
}

/// The same with locals in memory, which run out of the guest's own stack first.
struct WideStep(fn(&WideStep, [u64; 64]) -> u64);

fn wide(step: &WideStep, data: [u64; 64]) -> u64 {
    let mut next = data;
    for (index, slot) in black_box(&mut next).iter_mut().enumerate() {
        *slot = slot.wrapping_add(index as u64);
    }
    (step.0)(step, next).rotate_left(3) ^ next.iter().fold(0, |sum, n| sum ^ n)
}
