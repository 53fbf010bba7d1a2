// A shared library to stand, by LD_PRELOAD, between a program and libc: it makes chosen calls on
// the files below one folder fail, or writes down all that changes them, so that tests can try what
// disks do rarely. The program knows nothing of it, and its children are left alone.
//
//   OMNI_FAULT_FOLDER  what happens elsewhere is no business of this library
//   OMNI_FAULT_KIND    open, write, read, sync, rename, remove, truncate, mkdir or memory
//   OMNI_FAULT_AT      which call of that kind, counted from 1
//   OMNI_FAULT_ERRNO   the error it reports; 0: a read or write does a part of its work
//   OMNI_FAULT_EVER    not empty: all later calls of that kind fail as well
//   OMNI_FAULT_COUNTS  a file that gets "kind calls" lines when the program ends
//   OMNI_FAULT_LOG     a file that gets every change (tests/faults/disk_log.h)
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unwind.h>

// libc's own allocators, below those that this library replaces.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
}

namespace {

enum Kind { kOpen, kWrite, kRead, kSync, kRename, kRemove, kTruncate, kMkdir, kMemory, kKinds };
constexpr const char* kNames[kKinds] = {"open",   "write",    "read",  "sync",  "rename",
                                        "remove", "truncate", "mkdir", "memory"};
constexpr size_t kMuchMemory = 64 << 10;  // smaller requests never fail on a real machine either

struct State {
  bool ready = false;
  char folder[4096] = "";
  size_t folder_length = 0;
  int kind = -1, error = 0;
  long at = 0;
  bool ever = false;
  int log = -1;
  char counts[4096] = "";
  long calls[kKinds] = {};
};
State state;
// Recursive: a call may be made of others, and the log keeps their order.
pthread_mutex_t mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

struct Lock {
  Lock() { pthread_mutex_lock(&mutex); }
  ~Lock() { pthread_mutex_unlock(&mutex); }
};

template <class F>
F real(F, const char* name) {
  return reinterpret_cast<F>(dlsym(RTLD_NEXT, name));
}
// NEXT(open)(path, flags): libc's.
#define NEXT(name) ([] { static auto next = real(&::name, #name); return next; }())

const char* text_of(const char* name) {
  const char* value = getenv(name);
  return value ? value : "";
}

__attribute__((constructor)) void begin() {
  snprintf(state.folder, sizeof state.folder, "%s", text_of("OMNI_FAULT_FOLDER"));
  state.folder_length = strlen(state.folder);
  snprintf(state.counts, sizeof state.counts, "%s", text_of("OMNI_FAULT_COUNTS"));
  for (int k = 0; k < kKinds; ++k)
    if (strcmp(kNames[k], text_of("OMNI_FAULT_KIND")) == 0) state.kind = k;
  state.at = atol(text_of("OMNI_FAULT_AT"));
  state.error = atoi(text_of("OMNI_FAULT_ERRNO"));
  state.ever = *text_of("OMNI_FAULT_EVER") != 0;
  if (*text_of("OMNI_FAULT_LOG"))
    state.log = NEXT(open)(text_of("OMNI_FAULT_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                           0666);
  unsetenv("LD_PRELOAD");
  state.ready = state.folder_length > 0;
}

__attribute__((destructor)) void end() {
  if (!state.ready || !*state.counts) return;
  state.ready = false;
  FILE* file = NEXT(fopen)(state.counts, "w");
  if (!file) return;
  for (int k = 0; k < kKinds; ++k) fprintf(file, "%s %ld\n", kNames[k], state.calls[k]);
  fclose(file);
}

// The path inside the folder ("" for itself), or null when it lies elsewhere.
const char* inside(const char* path) {
  if (!state.ready || strncmp(path, state.folder, state.folder_length) != 0) return nullptr;
  const char* rest = path + state.folder_length;
  if (*rest == 0) return rest;
  return *rest == '/' ? rest + 1 : nullptr;
}

struct Path {
  char text[4096] = "";
  const char* in = nullptr;  // inside the folder

  explicit Path(int fd) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    in = strstr(text, " (deleted)") ? nullptr : inside(text);
  }
  Path(int folder, const char* path) {
    if (path[0] == '/') {
      snprintf(text, sizeof text, "%s", path);
    } else {
      char base[2048] = "";
      if (folder == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) base[0] = 0;
      } else {
        snprintf(base, sizeof base, "%.2047s", Path(folder).text);
      }
      snprintf(text, sizeof text, "%s/%s", base, path);
    }
    in = inside(text);
  }
};

// Counts a call; true when it is to fail (errno is then set, if there is an error to report).
bool fails(Kind kind) {
  const long n = ++state.calls[kind];
  if (kind != state.kind || !(n == state.at || (state.ever && n > state.at))) return false;
  if (state.error != 0) errno = state.error;
  return true;
}
bool partly() { return state.error == 0; }

void log_bytes(const void* data, size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = NEXT(write)(state.log, at, size);
    if (n <= 0) return;
    at += n;
    size -= static_cast<size_t>(n);
  }
}

// One change: "WHAT NUMBER LENGTH PATH\n", then LENGTH bytes.
void log_change(const char* what, const char* path, long number = 0, const void* data = nullptr,
                size_t size = 0) {
  if (state.log < 0) return;
  const int before = errno;
  char head[5000];
  const int n = snprintf(head, sizeof head, "%s %ld %zu %s\n", what, number, size, path);
  log_bytes(head, static_cast<size_t>(n));
  log_bytes(data, size);
  errno = before;
}

template <class Next>
int open_with(Next next, int folder, const char* name, int flags, mode_t mode) {
  const Lock lock;
  const Path path(folder, name);
  if (!path.in) return next(flags, mode);
  if (fails(kOpen)) return -1;
  struct stat s;
  const bool absent = stat(path.text, &s) != 0;
  const int fd = next(flags, mode);
  if (fd >= 0 && (flags & O_CREAT) && absent) log_change("create", path.in);
  if (fd >= 0 && (flags & O_TRUNC) && !absent) log_change("truncate", path.in, 0);
  return fd;
}

mode_t mode_of(int flags, va_list list) {
  return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0;
}

template <class Next>
ssize_t write_with(Next next, int fd, const void* data, size_t size, off_t offset) {
  const Lock lock;
  const Path path(fd);
  if (!path.in || size == 0) return next(size);
  if (fails(kWrite)) {
    if (!partly()) return -1;
    size = (size + 1) / 2;
  }
  const ssize_t n = next(size);
  if (n > 0)
    log_change("write", path.in, offset >= 0 ? offset : lseek(fd, 0, SEEK_CUR) - n, data,
               static_cast<size_t>(n));
  return n;
}

template <class Next>
ssize_t read_with(Next next, int fd, size_t size) {
  const Lock lock;
  if (!Path(fd).in) return next(size);
  if (fails(kRead)) {
    if (!partly()) return -1;
    size = (size + 1) / 2;
  }
  return next(size);
}

template <class Next>
int change_with(Next next, Kind kind, const char* what, const Path& path, long number = 0) {
  if (!path.in) return next();
  if (fails(kind)) return -1;
  const int result = next();
  if (result == 0) log_change(what, path.in, number);
  return result;
}

int rename_with(int from_folder, const char* from, int to_folder, const char* to) {
  const Lock lock;
  const Path a(from_folder, from), b(to_folder, to);
  if (!a.in || !b.in) return NEXT(renameat)(from_folder, from, to_folder, to);
  if (fails(kRename)) return -1;
  const int result = NEXT(renameat)(from_folder, from, to_folder, to);
  if (result == 0) log_change("rename", a.in, 0, b.in, strlen(b.in));
  return result;
}

// oneDNN 3 follows null pointers when its own requests are refused; docs/promises.md says so.
bool asked_by_onednn_3() {
  bool found = false;
  const auto look = [](struct _Unwind_Context* at, void* out) {
    Dl_info where;
    const auto code = reinterpret_cast<void*>(_Unwind_GetIP(at));
    if (!dladdr(code, &where) || !where.dli_fname || !strstr(where.dli_fname, "libdnnl.so.3"))
      return _URC_NO_REASON;
    *static_cast<bool*>(out) = true;
    return _URC_NORMAL_STOP;
  };
  _Unwind_Backtrace(look, &found);
  return found;
}

bool no_memory(size_t size) {
  if (!state.ready || size < kMuchMemory || asked_by_onednn_3()) return false;
  const Lock lock;
  if (!fails(kMemory)) return false;
  errno = ENOMEM;
  return true;
}

}  // namespace

// The replacements. What libc declares as not throwing must not here either, hence no templates of
// the standard library: nothing in this file allocates or throws.
extern "C" {

#define OPEN(name)                                                                   \
  int name(const char* path, int flags, ...) {                                       \
    va_list list;                                                                    \
    va_start(list, flags);                                                           \
    const mode_t mode = mode_of(flags, list);                                        \
    va_end(list);                                                                    \
    return open_with([&](int f, mode_t m) { return NEXT(name)(path, f, m); }, AT_FDCWD, path, \
                     flags, mode);                                                   \
  }
OPEN(open)
OPEN(open64)
#define OPENAT(name)                                                                    \
  int name(int folder, const char* path, int flags, ...) {                              \
    va_list list;                                                                       \
    va_start(list, flags);                                                              \
    const mode_t mode = mode_of(flags, list);                                           \
    va_end(list);                                                                       \
    return open_with([&](int f, mode_t m) { return NEXT(name)(folder, path, f, m); }, folder, \
                     path, flags, mode);                                                \
  }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                                       \
  FILE* name(const char* path, const char* how) {                                         \
    FILE* file = nullptr;                                                                 \
    const int flags = *how == 'r' ? 0 : *how == 'w' ? O_CREAT | O_TRUNC : O_CREAT;        \
    open_with([&](int, mode_t) { return (file = NEXT(name)(path, how)) ? 0 : -1; },       \
              AT_FDCWD, path, flags, 0666);                                               \
    return file;                                                                          \
  }
FOPEN(fopen)
FOPEN(fopen64)

ssize_t write(int fd, const void* data, size_t size) {
  return write_with([&](size_t n) { return NEXT(write)(fd, data, n); }, fd, data, size, -1);
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t at) {
  return write_with([&](size_t n) { return NEXT(pwrite)(fd, data, n, at); }, fd, data, size, at);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t at) {
  return write_with([&](size_t n) { return NEXT(pwrite64)(fd, data, n, at); }, fd, data, size, at);
}
ssize_t read(int fd, void* data, size_t size) {
  return read_with([&](size_t n) { return NEXT(read)(fd, data, n); }, fd, size);
}
ssize_t pread(int fd, void* data, size_t size, off_t at) {
  return read_with([&](size_t n) { return NEXT(pread)(fd, data, n, at); }, fd, size);
}
ssize_t pread64(int fd, void* data, size_t size, off64_t at) {
  return read_with([&](size_t n) { return NEXT(pread64)(fd, data, n, at); }, fd, size);
}

int fsync(int fd) {
  const Lock lock;
  return change_with([&] { return NEXT(fsync)(fd); }, kSync, "sync", Path(fd));
}
int fdatasync(int fd) {
  const Lock lock;
  return change_with([&] { return NEXT(fdatasync)(fd); }, kSync, "sync", Path(fd));
}
int ftruncate(int fd, off_t size) noexcept {
  const Lock lock;
  return change_with([&] { return NEXT(ftruncate)(fd, size); }, kTruncate, "truncate", Path(fd),
                     size);
}
int ftruncate64(int fd, off64_t size) noexcept {
  const Lock lock;
  return change_with([&] { return NEXT(ftruncate64)(fd, size); }, kTruncate, "truncate", Path(fd),
                     size);
}

int rename(const char* from, const char* to) noexcept {
  return rename_with(AT_FDCWD, from, AT_FDCWD, to);
}
int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  return rename_with(from_folder, from, to_folder, to);
}

int unlink(const char* path) noexcept {
  const Lock lock;
  return change_with([&] { return NEXT(unlink)(path); }, kRemove, "remove", Path(AT_FDCWD, path));
}
int unlinkat(int folder, const char* path, int flags) noexcept {
  const Lock lock;
  return change_with([&] { return NEXT(unlinkat)(folder, path, flags); }, kRemove, "remove",
                     Path(folder, path));
}
int rmdir(const char* path) noexcept {
  const Lock lock;
  return change_with([&] { return NEXT(rmdir)(path); }, kRemove, "remove", Path(AT_FDCWD, path));
}
int remove(const char* path) noexcept {
  const Lock lock;
  return change_with([&] { return NEXT(remove)(path); }, kRemove, "remove", Path(AT_FDCWD, path));
}

int mkdir(const char* path, mode_t mode) noexcept {
  const Lock lock;
  return change_with([&] { return NEXT(mkdir)(path, mode); }, kMkdir, "mkdir",
                     Path(AT_FDCWD, path));
}
int mkdirat(int folder, const char* path, mode_t mode) noexcept {
  const Lock lock;
  return change_with([&] { return NEXT(mkdirat)(folder, path, mode); }, kMkdir, "mkdir",
                     Path(folder, path));
}

void* malloc(size_t size) noexcept { return no_memory(size) ? nullptr : __libc_malloc(size); }
void* calloc(size_t count, size_t size) noexcept {
  return no_memory(count * size) ? nullptr : __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) noexcept {
  return no_memory(size) ? nullptr : __libc_realloc(old, size);
}
void* aligned_alloc(size_t alignment, size_t size) noexcept {
  return no_memory(size) ? nullptr : __libc_memalign(alignment, size);
}
int posix_memalign(void** to, size_t alignment, size_t size) noexcept {
  if (no_memory(size)) return ENOMEM;
  *to = __libc_memalign(alignment, size);
  return *to ? 0 : ENOMEM;
}

}  // extern "C"
