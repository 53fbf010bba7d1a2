// Folders of the user's, as the environment names them.
#pragma once

#include <filesystem>
#include <string>

namespace omni {

// Where programs keep what can be made again: $XDG_CACHE_HOME/omniscale, else
// $HOME/.cache/omniscale. Empty where neither variable holds an absolute path (the XDG
// specification voids relative ones): then nothing is kept, and no folder made in the present one.
std::filesystem::path user_cache();

// Why nothing can be kept in that folder: "/home/ada/.cache/omniscale: Permission denied". Empty
// where it can, or where there is no such folder to be had.
std::string user_cache_problem();

}  // namespace omni
