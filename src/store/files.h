// Whole files, read and written so that a kill, a full disk or missing rights leave either the old
// content or the new, never a part, and say plainly what went wrong.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace omni {

// Writes beside `path`, syncs, renames over it, syncs the folder. UserError when that fails.
void atomic_write(const std::filesystem::path& path, std::string_view bytes);
// The same for content in several pieces, written one after another.
void atomic_write(const std::filesystem::path& path, std::span<const std::string_view> pieces);

// Adds to the end of a log, which is made when absent. Not atomic. Controls are written as
// visible() shows them, since logs are read on screens.
void append(const std::filesystem::path& path, std::string_view text);

// A small file as a whole: a configuration, a manifest. UserError when it cannot be read and for more
// than kMostRead bytes, which is another kind of file, or a device without an end.
inline constexpr size_t kMostRead = size_t{64} << 20;
std::string read_file(const std::filesystem::path& path);

// Creates a folder and its parents, and syncs their names; UserError when it cannot.
void make_folder(const std::filesystem::path& path);

// Removes what atomic_write() left below `folder` when its process was killed, but nothing of
// processes that are alive.
void remove_leftovers(const std::filesystem::path& folder);

// One cell of a CSV file (RFC 4180): quoted when it holds a comma, a quote or a line break. Bytes
// that are no UTF-8 become U+FFFD.
std::string csv_cell(std::string_view text);
// A number with the fewest digits that read back to the same double; empty for NaN.
std::string csv_number(double value);

// A file name for a label that others chose: never empty, hidden, a path or longer than 130 bytes,
// and another one for another label. A label of letters, digits and _ - + = , . | and spaces within
// is its own name; of any other the plain part is kept and a hash of the whole appended.
std::string file_name_of(std::string_view label);

// 16 hexadecimal digits that name a text, for instance a resolved configuration.
std::string text_hash(std::string_view text);

}  // namespace omni
