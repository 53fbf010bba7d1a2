// Tokenised texts: kept on disk, so that a text is cut into tokens once, and put into the table of
// arrays that graphs read.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "lab/step.h"
#include "text/token_rows.h"

namespace omni {

// rows_of_stories() of these, from `folder` if they are there, else made and put there. A file that
// is damaged (its checksum is wrong) or was made from anything else is made again. Where the
// folder cannot be written to, nothing is kept.
TokenRows cached_rows(const std::filesystem::path& folder, const Tokenizer& tokenizer,
                      std::span<const Story> stories, int64_t length,
                      const TextProgress& progress = {});

// For one split, say "train": "train.x" and "train.y" i32 [count, length - 1] (tokens and next
// tokens), "train.weight" f32 of the same shape (1 where the target is text), "train.forget"
// f32 [count] (1 for rows to be forgotten). Keeps the arrays alive itself.
DataTable tables_of(const TokenRows& rows, const std::string& split);

}  // namespace omni
