// A thin, exact wrapper of SQLite: a database, a prepared statement, a transaction. Failures of the
// disk or of the file are the user's to mend; anything else is ours.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <cctype>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/hash.h"
#include "base/utf8.h"

namespace omni::sqlite {

inline constexpr int kPatienceMs = 10'000;  // for other processes to finish theirs

inline std::string file_of(sqlite3* db) {
  const char* name = sqlite3_db_filename(db, "main");
  return name ? name : "results.sqlite";
}

// SQLite calls a disk that fails to read a corrupt file too.
[[noreturn]] inline void fail_damaged(std::string_view file, std::string_view reason) {
  fail_user("'{}' is damaged, on a failing disk, or no results file ({}); nothing was changed; "
            "try again, restore it from a copy or choose another folder with --out", file, reason);
}

// `path` where the database did not open and so does not know it.
[[noreturn]] inline void fail(sqlite3* db, std::string_view doing, std::string file = "") {
  if (file.empty()) file = file_of(db);
  const int system = sqlite3_system_errno(db);
  const std::string reason =
      sqlite3_errmsg(db) + (system == 0 ? "" : fmt::format(" ({})", std::strerror(system)));
  if (sqlite3_extended_errcode(db) == SQLITE_IOERR_NOMEM) throw std::bad_alloc();
  switch (sqlite3_errcode(db) & 0xff) {
    case SQLITE_NOMEM: throw std::bad_alloc();
    case SQLITE_FULL:
      fail_user("cannot write '{}': the disk is full; free some space there, then run the same "
                "command again", file);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: fail_damaged(file, sqlite3_errmsg(db));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
    case SQLITE_PROTOCOL:
      fail_user("cannot use '{}': {}; check the folder's permissions and its disk, then run the "
                "same command again", file, reason);
    case SQLITE_BUSY:
    case SQLITE_LOCKED: fail_user("'{}' is in use by another process; wait for it", file);
    default: throw Bug(fmt::format("{}: {}: {}", file, doing, sqlite3_errmsg(db)));
  }
}

// Of SQLite's virtual machine, by all statements of this process that are done with: what work on a
// file of results costs, whatever the clock says. Tests hold growth to it.
inline std::atomic<int64_t> steps_taken = 0;

struct Bytes {  // stored as they are, whatever they mean
  std::string_view content;
};

class Statement {
 public:
  Statement(sqlite3* db, std::string_view sql) : db_(db) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(db, sql.data(), static_cast<int>(sql.size()), &raw, nullptr) !=
        SQLITE_OK)
      fail(db, sql);
    statement_.reset(raw);
  }

  // Binds all parameters from the first on.
  template <class... Args>
  Statement& bind(const Args&... args) {
    int i = 0;
    (bind_one(++i, args), ...);
    return *this;
  }

  bool step() {  // true: a row is there
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    fail(db_, sqlite3_sql(statement_.get()));
  }

  template <class... Args>
  void run(const Args&... args) {  // once; the statement may be run again
    bind(args...);
    step();
    sqlite3_reset(statement_.get());
  }

  std::string text(int column) const {
    const auto* at = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    return at ? std::string(at, sqlite3_column_bytes(statement_.get(), column)) : "";
  }
  std::string bytes(int column) const {
    const auto* at = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
    return at ? std::string(at, sqlite3_column_bytes(statement_.get(), column)) : "";
  }
  int64_t integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
  double real(int column) const {  // NULL is NaN
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL
               ? std::nan("")
               : sqlite3_column_double(statement_.get(), column);
  }
  // All columns with their types; values that SQLite would convert for us are not the same.
  void add_row(Hash& hash) const {
    for (int i = 0; i < sqlite3_column_count(statement_.get()); ++i) {
      const int type = sqlite3_column_type(statement_.get(), i);
      hash.add(type);
      if (type == SQLITE_INTEGER) hash.add(integer(i));
      if (type == SQLITE_FLOAT) hash.add(real(i));
      if (type == SQLITE_TEXT) hash.add(std::string_view(text(i)));
      if (type == SQLITE_BLOB) hash.add(std::string_view(bytes(i)));
    }
  }

 private:
  // SQLite's shell and Python read TEXT as UTF-8 that ends at a NUL: whatever a text is made of,
  // all can read it.
  void bind_one(int i, std::string_view v) {
    std::string text = valid_utf8(v);
    for (size_t at = 0; (at = text.find('\0', at)) != std::string::npos;)
      text.replace(at, 1, kReplacement);
    sqlite3_bind_text(statement_.get(), i, text.data(), static_cast<int>(text.size()),
                      SQLITE_TRANSIENT);
  }
  void bind_one(int i, Bytes v) {
    sqlite3_bind_blob64(statement_.get(), i, v.content.data() ? v.content.data() : "",
                        v.content.size(), SQLITE_TRANSIENT);
  }
  void bind_one(int i, int64_t v) { sqlite3_bind_int64(statement_.get(), i, v); }
  void bind_one(int i, int v) { sqlite3_bind_int64(statement_.get(), i, v); }
  void bind_one(int i, bool v) { sqlite3_bind_int64(statement_.get(), i, v); }
  void bind_one(int i, double v) { sqlite3_bind_double(statement_.get(), i, v); }  // NaN: NULL
  void bind_one(int i, const std::string& v) { bind_one(i, std::string_view(v)); }
  void bind_one(int i, const char* v) { bind_one(i, std::string_view(v)); }  // or it would be a bool

  struct Finalize {
    void operator()(sqlite3_stmt* s) const {
      steps_taken += sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 0);
      sqlite3_finalize(s);
    }
  };
  sqlite3* db_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
 public:
  Database(const std::filesystem::path& path, bool write) {
    if (open(path.string(), write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                  : SQLITE_OPEN_READONLY))
      return;
    std::error_code error;
    if (!write && !std::filesystem::exists(path, error) && !error)
      fail_user("there is no '{}'; restore it from a copy, or remove its folder and run again",
                path.string());
    // A finished run in a folder that may only be read has no room for SQLite's shared memory.
    if (!write && !std::filesystem::exists(path.string() + "-wal", error) && !error &&
        open(uri_of(path), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI))
      return;
    if (sqlite3_errcode(get()) == SQLITE_ERROR) fail_damaged(path.string(), sqlite3_errmsg(get()));
    fail(get(), "open", path.string());
  }

  sqlite3* get() const { return db_.get(); }
  std::string file() const { return file_of(get()); }
  void run(const char* sql) const {
    if (sqlite3_exec(get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail(get(), sql);
  }
  // The same, but nothing happens where another process stands in the way.
  void run_unless_busy(const char* sql) const {
    const int code = sqlite3_exec(get(), sql, nullptr, nullptr, nullptr) & 0xff;
    if (code != SQLITE_OK && code != SQLITE_BUSY && code != SQLITE_LOCKED) fail(get(), sql);
  }
  Statement prepare(std::string_view sql) const { return {get(), sql}; }

 private:
  bool open(const std::string& name, int flags) {
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(name.c_str(), &raw, flags | SQLITE_OPEN_FULLMUTEX, nullptr);
    db_.reset(raw);
    if (raw == nullptr) throw std::bad_alloc();
    sqlite3_busy_timeout(raw, kPatienceMs);
    return code == SQLITE_OK &&
           (flags & SQLITE_OPEN_READWRITE ||
            sqlite3_exec(raw, "SELECT count(*) FROM sqlite_master", nullptr, nullptr, nullptr) ==
                SQLITE_OK);
  }

  static std::string uri_of(const std::filesystem::path& path) {
    std::string uri = "file:";
    for (const unsigned char c : std::filesystem::absolute(path).string())
      uri += std::isalnum(c) || c == '/' ? std::string(1, static_cast<char>(c))
                                    : fmt::format("%{:02X}", c);
    return uri + "?immutable=1";
  }

  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  std::unique_ptr<sqlite3, Close> db_;
};

}  // namespace omni::sqlite
