/*
 * The child's side of child processes: giving up what it does not need, and frames on descriptor 3. See
 * child.h.
 *
 * The kernel holds to it (seccomp, by libseccomp): what a parser of foreign bytes or a model has no business
 * with answers EPERM. It is a list of what is denied, not of what is allowed: a list of the allowed breaks
 * with every new C library, driver of a graphics card and sanitizer, and what matters here is that nothing
 * gets out (no sockets, no exec, no new processes, no io_uring, which is a way around both) and nothing is
 * changed.
 */
#include "loop/child.h"

#include "loop/child_frame.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

static const int denied[] = {
    SCMP_SYS(socket),
    SCMP_SYS(socketpair),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(ptrace),
    SCMP_SYS(kill),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(pidfd_send_signal),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(chroot),
    SCMP_SYS(pivot_root),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(open_by_handle_at),
};

static const int denied_files[] = {
    SCMP_SYS(open),      SCMP_SYS(openat),   SCMP_SYS(openat2),  SCMP_SYS(creat),     SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),  SCMP_SYS(rename),   SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),   SCMP_SYS(rmdir),    SCMP_SYS(link),     SCMP_SYS(linkat),    SCMP_SYS(symlink),
    SCMP_SYS(symlinkat), SCMP_SYS(truncate), SCMP_SYS(chmod),    SCMP_SYS(fchmodat),  SCMP_SYS(chown),
    SCMP_SYS(lchown),    SCMP_SYS(fchownat), SCMP_SYS(mknod),    SCMP_SYS(mknodat),
};

static int deny(scmp_filter_ctx filter, const int *calls, size_t n)
{
    int rc = 0;
    /* A call that this architecture does not have needs no rule. */
    for (size_t i = 0; i < n && rc >= 0; i++)
        rc = calls[i] < 0 ? 0 : seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0);
    return rc;
}

/* As denied_files, but for opening to read: open and openat are judged by their flags, openat2 hides them. */
static int deny_writing(scmp_filter_ctx filter)
{
    static const int changes[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC};
    int rc = 0;
    for (size_t i = 0; i < sizeof denied_files / sizeof *denied_files && rc >= 0; i++) {
        int call = denied_files[i];
        if (call < 0 || call == SCMP_SYS(open) || call == SCMP_SYS(openat))
            continue;
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0);
    }
    for (size_t i = 0; i < sizeof changes / sizeof *changes && rc >= 0; i++) {
        scmp_datum_t bit = (scmp_datum_t)changes[i];
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(openat), 1,
                              SCMP_A2(SCMP_CMP_MASKED_EQ, bit, bit));
        if (rc >= 0 && SCMP_SYS(open) >= 0)
            rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(open), 1,
                                  SCMP_A1(SCMP_CMP_MASKED_EQ, bit, bit));
    }
    return rc;
}

static int load_filter(unsigned flags)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (!filter)
        return -ENOMEM;
    int rc = deny(filter, denied, sizeof denied / sizeof *denied);
    if (rc >= 0 && flags & CHILD_NO_FILES)
        rc = deny(filter, denied_files, sizeof denied_files / sizeof *denied_files);
    else if (rc >= 0 && flags & CHILD_READ_FILES)
        rc = deny_writing(filter);
    /* Threads yes, processes no. clone3 hides its flags from the filter: as if the kernel were too old for
     * it, and the C library takes clone. */
    if (rc >= 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    if (rc >= 0)
        rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (rc >= 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    return rc < 0 ? rc : 0;
}

enum err child_confine(unsigned flags, uint64_t memory_max, struct error *e)
{
    const struct rlimit none = {0, 0}, memory = {memory_max, memory_max};
    signal(SIGPIPE, SIG_IGN);
    /* Should the server have died before this line, the wire is at its end and child_read() says so. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return error_set(e, ERR_UNAVAILABLE, "The kernel does not let a child process confine itself: %s.",
                         strerror(errno));
    if (!(flags & CHILD_KEEP_FILES))
        close_range(CHILD_WIRE + 1, ~0U, 0);
    setrlimit(RLIMIT_CORE, &none);
    if (memory_max && !SANITIZED && setrlimit(RLIMIT_AS, &memory) != 0)
        return error_set(e, ERR_UNAVAILABLE, "The kernel refuses a limit of %llu bytes of memory: %s.",
                         (unsigned long long)memory_max, strerror(errno));
    int rc = load_filter(flags);
    if (rc != 0)
        return error_set(e, ERR_UNAVAILABLE, "The kernel refuses the filter of system calls (seccomp): %s.",
                         strerror(-rc));
    return ERR_OK;
}

static bool read_all(char *to, size_t n)
{
    while (n) {
        ssize_t got = read(CHILD_WIRE, to, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        n -= (size_t)got;
    }
    return true;
}

/* The first bytes of a frame, and the descriptor that may have come with them. */
static ssize_t receive_head(char *to, size_t n, int *file)
{
    union {
        char room[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec piece = {to, n};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof control.room};
    ssize_t got;
    do
        got = recvmsg(CHILD_WIRE, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    struct cmsghdr *rights = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS &&
        rights->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(file, CMSG_DATA(rights), sizeof(int));
    return got;
}

bool child_read_file(struct buf *to, int *file)
{
    char head[CHILD_HEAD];
    buf_clear(to);
    *file = -1;
    ssize_t first = receive_head(head, CHILD_HEAD, file);
    if (first <= 0 || !read_all(head + first, CHILD_HEAD - (size_t)first))
        return false;
    uint32_t n = child_head_read(head);
    if (n > CHILD_FRAME_MAX)
        return false;
    to->max = CHILD_FRAME_MAX + 1;
    char *room = n ? buf_reserve(to, n) : NULL;
    if (n && (!room || !read_all(room, n)))
        return false;
    to->n = n;
    return true;
}

bool child_read(struct buf *to)
{
    int file;
    bool good = child_read_file(to, &file);
    if (file >= 0)
        close(file);
    return good;
}

bool child_write(struct str frame)
{
    char head[CHILD_HEAD];
    struct iovec v[2] = {{head, CHILD_HEAD}, {(void *)frame.p, frame.n}};
    int at = 0;
    if (frame.n > CHILD_FRAME_MAX)
        return false;
    child_head_write(head, (uint32_t)frame.n);
    while (at < 2) {
        ssize_t n = writev(CHILD_WIRE, v + at, 2 - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        for (; at < 2 && (size_t)n >= v[at].iov_len; at++)
            n -= (ssize_t)v[at].iov_len;
        if (at < 2) {
            v[at].iov_base = (char *)v[at].iov_base + n;
            v[at].iov_len -= (size_t)n;
        }
    }
    return true;
}
