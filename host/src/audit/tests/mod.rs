//! The trail against edits, crashes, full and hanging disks, and crowds.

mod crowd;
mod disk;
mod edits;
mod records;
mod world;
