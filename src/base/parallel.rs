//! Work shared among threads, in pieces that a fast core takes more of.
//!
//! # Problem
//!
//! A training step takes from some microseconds to some milliseconds, and consists of two or more rounds, between which
//! all threads must meet. To start threads for each would take longer than most steps. The cores of a phone differ in
//! speed by a factor of three, and another program may hold up any of them at any time: equal portions would make
//! everybody wait for the slowest. And nobody may spin for long, because that empties the battery.
//!
//! # Idea
//!
//! A [`team`] starts its threads once and keeps them for as long as a training takes. A leader publishes a job, which
//! consists of more pieces than there are threads; everybody, the leader too, takes the next piece that is left, until
//! none is. Who takes which piece is left to chance, so pieces must not depend on each other, and whoever adds up their
//! results does it in the order of the pieces.
//!
//! ```text
//! leader   publishes the job (pieces left: 8), wakes whoever sleeps
//!          claims 7        claims 4        claims 1      none left: waits until 8 are done
//! helper A      claims 6      claims 3     claims 0      none left: spins for 100 µs, then sleeps
//! helper B (slow)  claims 5             claims 2         none left: spins for 100 µs, then sleeps
//! ```
//!
//! Claiming is one compare-and-swap on the number of pieces that are left. A thread that runs out of work spins for the
//! time that waking it would take (see [`SPIN`]) and then parks: within a step the next round comes before that, and
//! after the last step nobody is left spinning.
//!
//! Sharing can cost more than it gains: when another program holds up a core, the leader waits for a piece that a
//! sleeping thread has claimed. [`Balance`] compares the time a job took with the time that one thread would have
//! needed, and has the leader work alone for a while if too much was lost. It does not see that all pieces take longer
//! because they are shared: [`Pace`] compares whole rounds.
//!
//! # Why not otherwise
//!
//! - A pool for the whole process would need work that lives forever (`'static`), or unsafe code; scoped threads borrow
//!   the network and the data.
//! - A channel of tasks allocates and locks for each piece; here a step allocates nothing.
//! - [`share`], for one large job by itself, does not use a team: its items are handed out one by one by an iterator,
//!   each thread keeps buffers of its own from item to item, and its balance counts items and outlives the call. A team
//!   would see one piece per thread, and could not tell a slow core from a long piece.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, Builder, Scope, Thread};
use std::time::Duration;

use super::clock::Clock;
use super::memory::threads_beside;
use super::pace::Pace;

static THREADS: AtomicUsize = AtomicUsize::new(0);
/// More threads than any device has.
const MOST_THREADS: usize = 1024;

/// Returns the number of threads that large work is shared among: the one of [`set_threads`], or as many as the device
/// offers this process.
pub fn threads() -> usize {
    static OFFERED: OnceLock<usize> = OnceLock::new();
    match THREADS.load(SeqCst) {
        // Asking reads files on some systems, which takes longer than a small product.
        0 => *OFFERED.get_or_init(|| thread::available_parallelism().map_or(1, NonZero::get)),
        threads => threads,
    }
}

/// Sets the number of threads that large work is shared among, in the whole process: training, large products, the
/// outputs for a dataset. Zero stands for as many as the device offers, which is how a program starts. The results
/// have the same bits for any number. More than 1024 are taken as 1024. A trainer can have a number of its own:
/// [`Trainer::threads`](crate::Trainer::threads).
///
/// ```
/// palmnet::compute::set_threads(1);
/// assert_eq!(palmnet::compute::threads(), 1);
/// ```
pub fn set_threads(threads: usize) {
    THREADS.store(threads.min(MOST_THREADS), SeqCst);
}

/// Returns the number of threads for work that was given this number of its own; zero stands for [`threads`].
pub(crate) fn threads_or_default(own: usize) -> usize {
    if own == 0 { threads() } else { own.min(MOST_THREADS) }
}

/// Starts a thread. If the system has none left, or no memory for it, the work is shared among fewer.
fn spawn<'scope>(scope: &'scope Scope<'scope, '_>, work: impl FnOnce() + Send + 'scope) -> bool {
    threads_beside(0, 2) == 2 && Builder::new().name("palmnet".into()).spawn_scoped(scope, work).is_ok()
}

/// Returns where piece `i` begins if `total` things are cut into `pieces` of about equal size; for `i` = `pieces`,
/// where the last one ends.
pub(crate) fn cut(total: usize, pieces: usize, i: usize) -> usize {
    // The product total · i might be too large for the machine.
    total / pieces * i + (total % pieces).min(i)
}

/// Locks a mutex. A thread that panicked while it held the lock ends the whole work anyway, so poison is ignored.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks to read; ignores poison as [`lock`] does.
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// Locks to write; ignores poison as [`lock`] does.
pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// The time that a thread spins before it sleeps. Waking it takes about half of that, time in which the others may
/// finish their work: with less, it would sleep again every time. A longer wait would only drain the battery.
const SPIN: Duration = Duration::from_micros(100);
/// The time that may be lost by sharing before the leader works alone: as much as it takes to wake a thread twice.
const TOLERATED: Duration = Duration::from_micros(100);
/// The leader works alone for this many times as long as was lost, so that another program on one core costs this one
/// little.
const TIMES_ALONE: u32 = 20;
/// The most time that counts as lost by sharing: a few turns of other programs.
const MOST_LOST: Duration = Duration::from_millis(50);

/// Runs `work` on several threads at once, each with an iterator over the `items` that it takes.
pub(crate) fn share<I: ExactSizeIterator<Item: Send> + Send>(
    threads: usize,
    mut items: I,
    work: impl Fn(&mut dyn Iterator<Item = I::Item>) + Sync,
) {
    static BALANCE: Mutex<Balance> = Mutex::new(Balance::new());
    let (threads, all) = (threads.min(items.len()), items.len());
    if threads < 2 || lock(&BALANCE).is_alone() {
        return work(&mut items);
    }
    let start = Clock::start();
    let items = Mutex::new(items);
    let next = || lock(&items).next();
    let (mut own, mut worked) = (0, Duration::ZERO);
    let lead = &mut |_| {
        let spawned = start.elapsed();
        work(&mut std::iter::from_fn(next).inspect(|_| own += 1));
        worked = start.elapsed().saturating_sub(spawned);
    };
    beside(threads, &|_| work(&mut std::iter::from_fn(next)), lead);
    lock(&BALANCE).weigh(start.elapsed(), worked, own, all);
}

/// Runs `work` for every number below `count`, on all threads, and returns its results in their order.
pub(crate) fn in_order<T: Default + Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let done: Mutex<Vec<T>> = Mutex::new((0..count).map(|_| T::default()).collect());
    share_numbers(count, &|number| {
        let result = work(number);
        lock(&done)[number] = result;
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` for every number below `count`, on all threads. It takes so long that it is always shared.
pub(crate) fn share_numbers(count: usize, work: &(dyn Fn(usize) + Sync)) {
    let next = AtomicUsize::new(0);
    let take = |_| {
        let numbers = std::iter::repeat_with(|| next.fetch_add(1, SeqCst));
        numbers.take_while(|&number| number < count).for_each(work);
    };
    beside(threads().min(count), &take, &mut { take });
}

/// Runs `lead` on this thread, given the number of others that could be started, and `help` on those, with their
/// numbers from 0. Together they are at most so many `threads`.
fn beside(threads: usize, help: &(dyn Fn(usize) + Sync), lead: &mut dyn FnMut(usize)) {
    thread::scope(|scope| {
        let helpers = (1..threads).take_while(|&number| spawn(scope, move || help(number - 1))).count();
        lead(helpers);
    });
}

/// Whether sharing has paid of late. If another program holds up one core, it does not.
struct Balance {
    /// The time of the last jobs beyond what one thread would have needed.
    lost: Duration,
    /// Since when the leader works alone, and for how long.
    alone: Option<(Clock, Duration)>,
}

impl Balance {
    const fn new() -> Self {
        Balance { lost: Duration::ZERO, alone: None }
    }

    /// Returns whether the next job had better not be shared.
    fn is_alone(&mut self) -> bool {
        self.alone = self.alone.filter(|(since, time)| since.elapsed() < *time);
        self.alone.is_some()
    }

    /// Accounts for a job that was shared and took the time `taken`, of which one thread `worked` this long on its
    /// `own` of all `pieces`. Without a piece of its own, nothing is learned.
    fn weigh(&mut self, taken: Duration, worked: Duration, own: usize, pieces: usize) {
        if own == 0 {
            return;
        }
        let alone = worked.mul_f64(pieces as f64 / own as f64);
        self.lost = (self.lost + taken).saturating_sub(alone);
        if self.lost > TOLERATED {
            // A program that was suspended and resumed has not lost all that time by sharing.
            self.alone = Some((Clock::start(), self.lost.min(MOST_LOST) * TIMES_ALONE));
            self.lost = Duration::ZERO;
        }
    }
}

/// A leader and its helpers, who do one job after the other together. A job consists of pieces numbered from 0.
pub(crate) struct Team<'t, J> {
    work: &'t (dyn Fn(J, usize) + Sync),
    board: &'t Board<J>,
    size: usize,
    balance: Balance,
    pace: Pace,
    /// Whether this round is the leader's alone.
    alone: bool,
}

/// The state that leader and helpers share.
struct Board<J> {
    /// With the number of its pieces.
    job: Mutex<Option<(J, usize)>>,
    /// The pieces of the job that nobody has taken yet: those below this number.
    left: AtomicUsize,
    done: AtomicUsize,
    failed: AtomicBool,
    leader: Sleeper,
    helpers: Vec<Sleeper>,
}

/// The value of `left` after the team's last job.
const DISMISSED: usize = usize::MAX;

/// Runs `lead` on this thread as the leader of a team of `threads`, all of which do `work` on the pieces of its jobs.
pub(crate) fn team<J: Copy + Send, R>(
    threads: usize,
    work: &(dyn Fn(J, usize) + Sync),
    lead: impl FnOnce(&mut Team<'_, J>) -> R,
) -> R {
    let board = &Board {
        job: Mutex::new(None),
        left: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        failed: AtomicBool::new(false),
        leader: Sleeper::default(),
        helpers: (1..threads).map(|_| Sleeper::default()).collect(),
    };
    let (mut lead, mut result) = (Some(lead), None);
    beside(threads, &|number| board.help(&board.helpers[number], work), &mut |helpers| {
        // Dropping the team dismisses the helpers even after a panic: they are waited for.
        let mut team =
            Team { work, board, size: 1 + helpers, balance: Balance::new(), pace: Pace::new(), alone: false };
        result = lead.take().map(|lead| lead(&mut team));
    });
    result.expect("a team is led")
}

impl<J: Copy> Team<'_, J> {
    /// Returns the number of threads that share the next job: 1 while sharing does not pay.
    pub(crate) fn size(&mut self) -> usize {
        if self.alone || self.balance.is_alone() { 1 } else { self.size }
    }

    /// Runs one of many rounds of jobs that have the same `amount` of work, except for a few: shared, or by the leader
    /// alone, whichever was faster of late.
    pub(crate) fn round<R>(&mut self, amount: usize, run: impl FnOnce(&mut Self) -> R) -> R {
        if self.size() < 2 {
            return run(self);
        }
        self.alone = !self.pace.is_shared();
        let start = Clock::start();
        let result = run(self);
        self.pace.weigh(amount, start.elapsed());
        self.alone = false;
        result
    }

    /// Runs all pieces of a job. The leader calls `between` after each piece of its own, while it waits for the others,
    /// and at the end.
    ///
    /// # Panics
    /// If the work does.
    pub(crate) fn run(&mut self, job: J, pieces: usize, mut between: impl FnMut()) {
        let board = self.board;
        if pieces < 2 || self.size() < 2 {
            for piece in 0..pieces {
                (self.work)(job, piece);
                between();
            }
            return;
        }
        let start = Clock::start();
        *lock(&board.job) = Some((job, pieces));
        board.done.store(0, SeqCst);
        board.left.store(pieces, SeqCst);
        board.helpers.iter().for_each(Sleeper::wake);

        let published = start.elapsed();
        let mut own = 0;
        while let Some(piece) = board.claim() {
            board.perform(self.work, piece);
            own += 1;
            between();
        }
        let worked = start.elapsed().saturating_sub(published);
        let all_done = || board.done.load(SeqCst) == pieces;
        while !all_done() {
            board.leader.rest_until(all_done, &mut between);
        }
        between();
        assert!(!board.failed.load(SeqCst), "a thread that shared the work panicked");
        self.balance.weigh(start.elapsed(), worked, own, pieces);
    }
}

impl<J> Drop for Team<'_, J> {
    fn drop(&mut self) {
        self.board.left.store(DISMISSED, SeqCst);
        self.board.helpers.iter().for_each(Sleeper::wake);
    }
}

impl<J: Copy> Board<J> {
    fn help(&self, me: &Sleeper, work: &(dyn Fn(J, usize) + Sync)) {
        while self.left.load(SeqCst) != DISMISSED {
            match self.claim() {
                Some(piece) => self.perform(work, piece),
                None => me.rest_until(|| self.left.load(SeqCst) != 0, &mut || {}),
            }
        }
    }

    /// Takes a piece of the job, if one is left.
    fn claim(&self) -> Option<usize> {
        let next = |left| (left != 0 && left != DISMISSED).then(|| left - 1);
        self.left.fetch_update(SeqCst, SeqCst, next).ok().map(|left| left - 1)
    }

    /// Runs a piece that was claimed. The job stays until all its pieces are done.
    fn perform(&self, work: &(dyn Fn(J, usize) + Sync), piece: usize) {
        struct Done<'b, J>(&'b Board<J>);
        impl<J> Drop for Done<'_, J> {
            fn drop(&mut self) {
                if thread::panicking() {
                    self.0.failed.store(true, SeqCst);
                }
                self.0.done.fetch_add(1, SeqCst);
                self.0.leader.wake();
            }
        }
        let _done = Done(self);
        let job = *lock(&self.job);
        let (job, pieces) = job.expect("a piece has a job");
        // The last piece may be a small one: it is taken last.
        work(job, pieces - 1 - piece);
    }
}

/// A thread that may have nothing to do for a while.
#[derive(Default)]
struct Sleeper {
    asleep: AtomicBool,
    thread: Mutex<Option<Thread>>,
}

impl Sleeper {
    /// Returns as soon as there is `news`, or a little after another thread has called [`wake`](Self::wake).
    fn rest_until(&self, news: impl Fn() -> bool, between: &mut dyn FnMut()) {
        let start = Clock::start();
        while start.elapsed() < SPIN {
            if news() {
                return;
            }
            between();
            (0..8).for_each(|_| std::hint::spin_loop());
        }
        lock(&self.thread).get_or_insert_with(thread::current);
        self.asleep.store(true, SeqCst);
        // News that came before the flag was up woke nobody.
        if !news() {
            thread::park();
        }
        self.asleep.store(false, SeqCst);
    }

    fn wake(&self) {
        // Read first: a write would take the cache line from the others.
        if self.asleep.load(SeqCst)
            && self.asleep.swap(false, SeqCst)
            && let Some(thread) = &*lock(&self.thread)
        {
            thread.unpark();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every piece of every job is done exactly once, by teams of any size.
    #[test]
    fn pieces_are_done_once() {
        for threads in [1, 2, 3, 7] {
            let counts: Vec<AtomicUsize> = (0..50).map(|_| AtomicUsize::new(0)).collect();
            let work = |job: usize, piece: usize| _ = counts[piece].fetch_add(job, SeqCst);
            team(threads, &work, |team| {
                assert_eq!(team.size(), threads);
                for job in 1..200 {
                    let pieces = job % 51;
                    let before: Vec<usize> = counts.iter().map(|count| count.load(SeqCst)).collect();
                    let mut between = 0;
                    team.run(job, pieces, || between += 1);
                    for (piece, (count, before)) in counts.iter().zip(before).enumerate() {
                        assert_eq!(count.load(SeqCst) - before, if piece < pieces { job } else { 0 });
                    }
                    assert!(pieces == 0 || between > 0);
                    if job % 40 == 0 {
                        // Longer than anybody spins: the helpers fall asleep.
                        thread::sleep(SPIN * 20);
                    }
                }
            });
            let sum = Mutex::new(0);
            share(threads, 0..1000, |mine| *lock(&sum) += mine.sum::<usize>());
            assert_eq!(*lock(&sum), 499_500);
            assert!(in_order(threads * 10, |i| i * i).into_iter().eq((0..threads * 10).map(|i| i * i)));
        }
    }

    #[test]
    fn cuts_are_even() {
        for (total, pieces) in [(10, 3), (0, 4), (7, 7), (3, 5), (usize::MAX, 6), (1_000_000_007, 185_400)] {
            assert_eq!((cut(total, pieces, 0), cut(total, pieces, pieces)), (0, total));
            for i in 0..pieces {
                let size = cut(total, pieces, i + 1) - cut(total, pieces, i);
                assert!(size == total / pieces || size == total.div_ceil(pieces), "{size} of {total} in {pieces}");
            }
        }
    }

    /// A panic in a piece reaches the caller of the team, on whichever thread it happens, and no thread waits forever.
    #[test]
    fn panics_come_through() {
        let caught = |work: &(dyn Fn(usize, usize) + Sync)| {
            let run = || team(3, work, |team| (0..100).for_each(|job| team.run(job, 64, || {})));
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
        };
        let leader = thread::current().id();
        assert!(!caught(&|_, _| {}));
        assert!(caught(&|_, _| assert!(thread::current().id() != leader, "on the leader")));
        let helped = AtomicBool::new(false);
        assert!(caught(&|_, _| {
            if thread::current().id() != leader {
                helped.store(true, SeqCst);
                panic!("on a helper");
            }
            while !helped.load(SeqCst) {
                thread::yield_now();
            }
        }));
        let lead = || team(3, &|(), _| {}, |_: &mut Team<'_, ()>| panic!("the leader's own"));
        assert!(std::panic::catch_unwind(lead).is_err());
    }
}
