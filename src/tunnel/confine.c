/* SPDX-License-Identifier: MIT */
#include "tunnel/confine.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "util/cleanup.h"

/* Those of landlock's first version (Linux 5.13) that change or run something: nothing is let through again. */
static void refuse_files(void)
{
    const struct landlock_ruleset_attr rules = {
        .handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                             LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                             LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                             LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                             LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM};
    _cleanup_close_ int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);

    if (fd >= 0)
        (void)syscall(SYS_landlock_restrict_self, fd, 0);
}

/* fork() is not among them, for the supervisor; socket() is what a tunnel is about. */
static const unsigned refused[] = {
    SYS_execve,
    SYS_execveat,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_pidfd_getfd,
    SYS_memfd_create,
    SYS_personality,
    SYS_syslog,
#ifndef __SANITIZE_ADDRESS__ /* which looks for leaks by it */
    SYS_ptrace,
#endif
};

enum { CALLS = sizeof(refused) / sizeof(refused[0]) };

#if defined(__x86_64__)
static const uint32_t OWN_ARCHITECTURE = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
static const uint32_t OWN_ARCHITECTURE = AUDIT_ARCH_AARCH64;
#else
static const uint32_t OWN_ARCHITECTURE = 0;
#endif

static void refuse_calls(void)
{
    const uint32_t deny = SECCOMP_RET_ERRNO | EPERM;
    /* what is of another architecture, or of x32, has other numbers: none of it is used */
    struct sock_filter filter[CALLS + 8] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, deny),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, CALLS + 1, 0),
    };
    unsigned short length = 5;
    struct sock_fprog program = {.filter = filter};

    if (OWN_ARCHITECTURE == 0)
        return;
    for (unsigned i = 0; i < CALLS; i++)
        filter[length++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused[i], (unsigned char)(CALLS - i), 0);
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, deny);
    program.len = length;
    (void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int confine(struct error **err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "the tunnel cannot give up new privileges");
    refuse_files();
    refuse_calls();
    return 0;
}
