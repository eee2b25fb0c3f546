//! Work shared among threads, in pieces that a fast core takes more of. Nobody spins for long, and no result may
//! depend on who did which piece.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::{self, Builder, Scope, Thread};
use std::time::{Duration, Instant};

static THREADS: AtomicUsize = AtomicUsize::new(0);
/// More threads than any device has.
const MOST: usize = 1024;

/// The number of threads that large work is shared among: what [`set_threads`] said, or as many as the device offers
/// this process.
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
/// have the same bits for any number. More than 1024 are taken as 1024.
///
/// ```
/// palmnet::set_threads(1);
/// assert_eq!(palmnet::threads(), 1);
/// ```
pub fn set_threads(threads: usize) {
    THREADS.store(threads.min(MOST), SeqCst);
}

/// Starts a thread. Where the system has none left, the work is shared among fewer.
fn spawn<'scope>(scope: &'scope Scope<'scope, '_>, work: impl FnOnce() + Send + 'scope) -> bool {
    Builder::new().name("palmnet".into()).spawn_scoped(scope, work).is_ok()
}

/// Where the piece `i` begins when `total` things are cut into `pieces` of about equal size, and where the last one ends.
pub(crate) fn cut(total: usize, pieces: usize, i: usize) -> usize {
    // The product total · i might be too large for the machine.
    total / pieces * i + (total % pieces).min(i)
}

/// Locks. A thread that panicked while it held the lock ends the whole work anyway.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As [`lock`], to read.
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// As [`lock`], to write.
pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// How long a thread looks for news before it sleeps. Waking it takes about half of that, time in which the others may
/// finish their work: with less, it would sleep again every time. A longer wait would only empty the battery.
const SPIN: Duration = Duration::from_micros(100);
/// The time that may be lost by sharing before the leader works alone: as much as it takes to wake a thread twice.
const LOSS: Duration = Duration::from_micros(100);
/// For so many times as long as was lost: what another program does to one core must cost this one little.
const ALONE: u32 = 20;
/// The longest that a job may be held up by sharing: a few turns of other programs.
const LONGEST_LOSS: Duration = Duration::from_millis(50);

/// Runs `work` on several threads at once, each with an iterator over those of the `items` that fall to it.
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
    let start = Instant::now();
    let items = Mutex::new(items);
    let next = || lock(&items).next();
    let (mut own, mut worked) = (0, Duration::ZERO);
    thread::scope(|scope| {
        let _ = (1..threads).all(|_| spawn(scope, || work(&mut std::iter::from_fn(next))));
        let spawned = start.elapsed();
        work(&mut std::iter::from_fn(next).inspect(|_| own += 1));
        worked = start.elapsed().saturating_sub(spawned);
    });
    lock(&BALANCE).weigh(start.elapsed(), worked, own, all);
}

/// Whether sharing has paid of late. Where another program holds up one core, it does not.
struct Balance {
    /// What the last jobs took beyond what one thread would have taken.
    loss: Duration,
    alone_until: Option<Instant>,
}

impl Balance {
    const fn new() -> Self {
        Balance { loss: Duration::ZERO, alone_until: None }
    }

    /// Whether the next job had better not be shared.
    fn is_alone(&mut self) -> bool {
        self.alone_until = self.alone_until.filter(|&end| Instant::now() < end);
        self.alone_until.is_some()
    }

    /// Notes a job that was shared and what it has `taken` in all, where one thread `worked` so long on its `own` of all
    /// `pieces`. Nothing is known where it had none.
    fn weigh(&mut self, taken: Duration, worked: Duration, own: usize, pieces: usize) {
        if own == 0 {
            return;
        }
        let alone = worked.mul_f64(pieces as f64 / own as f64);
        self.loss = (self.loss + taken).saturating_sub(alone);
        if self.loss > LOSS {
            // A program that was stopped and goes on has not lost all that time by sharing.
            self.alone_until = Some(Instant::now() + self.loss.min(LONGEST_LOSS) * ALONE);
            self.loss = Duration::ZERO;
        }
    }
}

/// A leader and its helpers, who do one job after the other together. A job consists of pieces numbered from 0.
pub(crate) struct Team<'t, J> {
    work: &'t (dyn Fn(J, usize) + Sync),
    board: &'t Board<J>,
    size: usize,
    balance: Balance,
}

/// What leader and helpers tell each other.
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

/// What `left` is when the team has done its last job.
const OVER: usize = usize::MAX;

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
    thread::scope(|scope| {
        // Its end sends the helpers home, whatever happens: the scope waits for them.
        let mut team = Team { work, board, size: 1, balance: Balance::new() };
        team.size += board.helpers.iter().take_while(|me| spawn(scope, || board.help(me, work))).count();
        lead(&mut team)
    })
}

impl<J: Copy> Team<'_, J> {
    /// The number of threads that share the next job: 1 while sharing does not pay.
    pub(crate) fn size(&mut self) -> usize {
        if self.balance.is_alone() { 1 } else { self.size }
    }

    /// Has all pieces of a job done. The leader calls `between` after each piece of its own, while it waits for the
    /// others, and at the end.
    ///
    /// # Panics
    /// When the work does.
    pub(crate) fn run(&mut self, job: J, pieces: usize, mut between: impl FnMut()) {
        let board = self.board;
        if pieces < 2 || self.size() < 2 {
            for piece in 0..pieces {
                (self.work)(job, piece);
                between();
            }
            return;
        }
        let start = Instant::now();
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
        self.board.left.store(OVER, SeqCst);
        self.board.helpers.iter().for_each(Sleeper::wake);
    }
}

impl<J: Copy> Board<J> {
    fn help(&self, me: &Sleeper, work: &(dyn Fn(J, usize) + Sync)) {
        while self.left.load(SeqCst) != OVER {
            match self.claim() {
                Some(piece) => self.perform(work, piece),
                None => me.rest_until(|| self.left.load(SeqCst) != 0, &mut || {}),
            }
        }
    }

    /// Takes a piece of the job, if one is left.
    fn claim(&self) -> Option<usize> {
        let next = |left| (left != 0 && left != OVER).then(|| left - 1);
        self.left.fetch_update(SeqCst, SeqCst, next).ok().map(|left| left - 1)
    }

    /// Does a piece that was taken. The job stays until all its pieces are done.
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
    /// Returns when there is `news`, or a little after another thread has called [`wake`](Self::wake).
    fn rest_until(&self, news: impl Fn() -> bool, between: &mut dyn FnMut()) {
        let start = Instant::now();
        while start.elapsed() < SPIN {
            if news() {
                return;
            }
            between();
            (0..8).for_each(|_| std::hint::spin_loop());
        }
        lock(&self.thread).get_or_insert_with(thread::current);
        self.asleep.store(true, SeqCst);
        // What came before the flag was up woke nobody.
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

    /// A panic in a piece reaches whoever runs the team, whichever thread it happens on, and nobody waits for ever.
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
