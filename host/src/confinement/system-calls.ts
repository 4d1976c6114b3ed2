/**
 * System calls by name and number on x86-64 and arm64, grouped by who may make them (./seccomp.ts). Numbers: Linux,
 * `arch/x86/entry/syscalls/syscall_64.tbl` and `include/uapi/asm-generic/unistd.h`, which arm64 uses.
 */

/** Architectures for which there is a filter, as `process.arch` names them. */
export type FilterArchitecture = 'x64' | 'arm64'

/** Numbers of a group's calls; a name is absent where the architecture has no such call. */
export type SystemCalls = Readonly<Record<FilterArchitecture, ReadonlyMap<string, number>>>

/** Above the newest call of both tables (Linux 6.17); what comes later is answered as if the kernel did not know it. */
export const NEWEST_CALL = 469

/** What every Node does: compute, hold memory, run threads, read what is mounted, talk over what is open. */
export const ALWAYS = parseTable(`
read 0 63, readv 19 65, pread64 17 67, preadv 295 69, write 1 64, writev 20 66, close 3 57, close_range 436 436,
dup 32 23, dup2 33 -, dup3 292 24, fcntl 72 25, lseek 8 62, pipe 22 -, pipe2 293 59, eventfd2 290 19, fstat 5 80,
newfstatat 262 79, statx 332 291, stat 4 -, lstat 6 -, access 21 -, faccessat 269 48, faccessat2 439 439,
readlink 89 -, readlinkat 267 78, getdents64 217 61, getcwd 79 17, umask 95 166, epoll_create1 291 20,
epoll_ctl 233 21, epoll_wait 232 -, epoll_pwait 281 22, epoll_pwait2 441 441, poll 7 -, ppoll 271 73, select 23 -,
pselect6 270 72, mmap 9 222, mprotect 10 226, munmap 11 215, mremap 25 216, madvise 28 233, brk 12 214,
mincore 27 232, membarrier 324 283, mseal 462 462, map_shadow_stack 453 453, pkey_alloc 330 289, pkey_free 331 290,
pkey_mprotect 329 288, arch_prctl 158 -, rt_sigaction 13 134, rt_sigprocmask 14 135, rt_sigreturn 15 139,
rt_sigtimedwait 128 137, sigaltstack 131 132, restart_syscall 219 128, tgkill 234 131, futex 202 98,
futex_waitv 449 449, futex_wake 454 454, futex_wait 455 455, futex_requeue 456 456, set_robust_list 273 99,
get_robust_list 274 100, set_tid_address 218 96, rseq 334 293, gettid 186 178, exit 60 93, exit_group 231 94,
sched_yield 24 124, sched_getaffinity 204 123, sched_getparam 143 121, sched_getscheduler 145 120,
sched_get_priority_max 146 125, sched_get_priority_min 147 126, getcpu 309 168, getpriority 140 141,
clock_gettime 228 113, clock_getres 229 114, clock_nanosleep 230 115, nanosleep 35 101, gettimeofday 96 169,
time 201 -, getrandom 318 278, uname 63 160, sysinfo 99 179, getrusage 98 165, getrlimit 97 163, setrlimit 160 164,
getpid 39 172, getppid 110 173, getuid 102 174, geteuid 107 175, getgid 104 176, getegid 108 177, getgroups 115 158,
getresuid 118 148, getresgid 120 150, capget 125 90, getsockopt 55 209, getsockname 51 204, shutdown 48 210`)

/**
 * What `bwrap` and `setpriv` do under the filter to put the rest in force. Without capabilities they give nothing, and
 * `execve` reaches only what is mounted.
 */
export const START = parseTable(`
wait4 61 260, capset 126 91, setresuid 117 147, setresgid 119 149, setgroups 116 159, setuid 105 146, setgid 106 144, execve 59 221`)

/** Allowed for some arguments only: ./seccomp.ts. */
export const CONDITIONAL = parseTable(`
open 2 -, openat 257 56, ioctl 16 29, prctl 157 167, prlimit64 302 261, clone 56 220, clone3 435 435, socket 41 198`)

/** What a client of the network needs besides sockets. */
export const NETWORK = parseTable(`
connect 42 203, bind 49 200, sendto 44 206, recvfrom 45 207, sendmsg 46 211, recvmsg 47 212, sendmmsg 307 269,
recvmmsg 299 243, setsockopt 54 208, getpeername 52 205`)

/** What changing files takes. */
export const WRITE = parseTable(`
pwrite64 18 68, pwritev 296 70, ftruncate 77 46, truncate 76 45, fsync 74 82, fdatasync 75 83, fallocate 285 47,
unlink 87 -, unlinkat 263 35, rename 82 -, renameat 264 38, renameat2 316 276, mkdir 83 -, mkdirat 258 34, rmdir 84 -,
chmod 90 -, fchmod 91 52, fchmodat 268 53, utimensat 280 88, copy_file_range 326 285, sendfile 40 71, statfs 137 43,
fstatfs 138 44, flock 73 32, link 86 -, linkat 265 37`)

function parseTable(text: string): SystemCalls {
  const calls = { x64: new Map<string, number>(), arm64: new Map<string, number>() }
  for (const row of text.split(',')) {
    const [name = '', x64, arm64] = row.trim().split(/\s+/)
    calls.x64.set(name, Number(x64))
    if (arm64 !== '-') calls.arm64.set(name, Number(arm64))
  }
  return calls
}
