/* A movable wall clock for the programs that load this library by LD_PRELOAD.

The file that SHIFTED_CLOCK names contains the shift in seconds, a 64-bit integer. The wall clock is shifted
by it; the monotonic clock is unchanged. Waits until a time of the wall clock are adjusted: one whose time has
passed ends within a slice, one whose time was moved further away takes longer by the shift. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SLICE_NS 200000000L
/* No machine has such an uptime: a later time is one of the wall clock. */
#define LONGEST_UPTIME 500000000L

static const volatile int64_t none = 0;
static const volatile int64_t *shift = &none;

static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_cond)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
static int (*real_cond_clock)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
static int (*real_semaphore)(sem_t *, const struct timespec *);
static int (*real_semaphore_clock)(sem_t *, clockid_t, const struct timespec *);
static long (*real_syscall)(long, ...);

static void *next(const char *name)
{
    /* glibc on x86-64 has an older pthread_cond_timedwait under the same name. */
    void *found = dlvsym(RTLD_NEXT, name, "GLIBC_2.3.2");
    return found ? found : dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void start(void)
{
    const char *name = getenv("SHIFTED_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;

    real_gettime = next("clock_gettime");
    real_cond = next("pthread_cond_timedwait");
    real_cond_clock = next("pthread_cond_clockwait");
    real_semaphore = next("sem_timedwait");
    real_semaphore_clock = next("sem_clockwait");
    real_syscall = next("syscall");
    if (file < 0)
        return;
    void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (page != MAP_FAILED)
        shift = page;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (!real_gettime)
        start();
    int failed = real_gettime(clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *shift;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *seconds)
{
    struct timespec exact;

    clock_gettime(CLOCK_REALTIME, &exact);
    if (seconds)
        *seconds = exact.tv_sec;
    return exact.tv_sec;
}

static int before(const struct timespec *one, const struct timespec *other)
{
    return one->tv_sec < other->tv_sec || (one->tv_sec == other->tv_sec && one->tv_nsec < other->tv_nsec);
}

static int reached(const struct timespec *shown)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return !before(&now, shown);
}

/* The kernel's time at which a wait until the shown time ends, at the latest after a slice. */
static struct timespec end_of_slice(const struct timespec *shown)
{
    struct timespec end = {shown->tv_sec - *shift, shown->tv_nsec}, slice;

    real_gettime(CLOCK_REALTIME, &slice);
    slice.tv_nsec += SLICE_NS;
    if (slice.tv_nsec >= 1000000000L) {
        slice.tv_sec++;
        slice.tv_nsec -= 1000000000L;
    }
    return before(&slice, &end) ? slice : end;
}

/* A slice that ends early is a spurious wakeup, which every caller must expect. */
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict until)
{
    if (!real_cond)
        start();
    if (until->tv_sec < LONGEST_UPTIME)
        return real_cond(condition, mutex, until);
    struct timespec end = end_of_slice(until);
    int ended = real_cond(condition, mutex, &end);
    return ended == ETIMEDOUT && !reached(until) ? 0 : ended;
}

int pthread_cond_clockwait(pthread_cond_t *condition, pthread_mutex_t *mutex, clockid_t clock,
                           const struct timespec *until)
{
    if (clock != CLOCK_REALTIME)
        return real_cond_clock(condition, mutex, clock, until);
    struct timespec end = end_of_slice(until);
    int ended = real_cond_clock(condition, mutex, clock, &end);
    return ended == ETIMEDOUT && !reached(until) ? 0 : ended;
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict until)
{
    int failed;

    do {
        struct timespec end = end_of_slice(until);
        failed = real_semaphore(semaphore, &end);
    } while (failed && errno == ETIMEDOUT && !reached(until));
    return failed;
}

int sem_clockwait(sem_t *semaphore, clockid_t clock, const struct timespec *until)
{
    int failed;

    if (clock != CLOCK_REALTIME)
        return real_semaphore_clock(semaphore, clock, until);
    do {
        struct timespec end = end_of_slice(until);
        failed = real_semaphore_clock(semaphore, clock, &end);
    } while (failed && errno == ETIMEDOUT && !reached(until));
    return failed;
}

/* gRPC waits on its own futexes. */
long syscall(long number, ...)
{
    const int waits = FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME;
    va_list words;
    long a, b, c, d, e, f, failed;

    va_start(words, number);
    a = va_arg(words, long), b = va_arg(words, long), c = va_arg(words, long);
    d = va_arg(words, long), e = va_arg(words, long), f = va_arg(words, long);
    va_end(words);
    if (!real_syscall)
        start();
    const struct timespec *until = (const struct timespec *)d;
    if (number != SYS_futex || ((int)b & ~FUTEX_PRIVATE_FLAG) != waits || !until)
        return real_syscall(number, a, b, c, d, e, f);
    do {
        struct timespec end = end_of_slice(until);
        failed = real_syscall(number, a, b, c, (long)&end, e, f);
    } while (failed == -1 && errno == ETIMEDOUT && !reached(until));
    return failed;
}
