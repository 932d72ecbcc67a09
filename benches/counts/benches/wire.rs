//! The same work, timed: `cargo bench -p bastion-counts`.
//!
//! A figure here must never decide anything: it is for whoever makes a function faster.

use criterion::{Criterion, criterion_group, criterion_main};

fn wire(criterion: &mut Criterion) {
    for work in bastion_counts::all() {
        criterion.bench_function(work.name, |bencher| bencher.iter(|| work.act()));
    }
}

criterion_group!(benches, wire);
criterion_main!(benches);
