// What each command is asked to do, parsed, and the functions that do it. They return the exit code
// and throw UserError for what the user can mend.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lab/experiment.h"

namespace omni::cli {

struct Context {
  std::span<const Experiment> catalogue;
  std::string program;             // as the user types it: "./omni"
  std::vector<std::string> words;  // the whole command line after it
};

// An experiment, and what was changed of it.
struct Choice {
  std::vector<std::string> words;  // NAME key=value ...
  std::string preset, config, seeds, executor, precision, passes_off, data_dir;
  bool no_download = false;
};

struct RunArguments {
  Choice choice;
  std::filesystem::path out;
  std::optional<int> threads;
  double checkpoint_every_s = 20;
  bool quiet = false, keep_models = false, anew = false, mixed_builds = false;
};

struct ListArguments {
  std::string name;             // empty: all experiments
  std::filesystem::path count;  // where to write what presets compute, if anywhere
};

struct DebugArguments {
  Choice choice;
  std::string phase;
  std::vector<std::string> print;
  bool graph = false, run = false;
  int rows = 8, steps = 1;
};

struct DataArguments {
  std::vector<std::string> words;  // nothing, or: get NAME ...
  std::string data_dir;
};

struct SampleArguments {
  std::vector<std::string> words;  // the model's folder and the prompt
  std::optional<int> tokens;
  double temperature = 1;
  int top_k = 0, samples = 1;
  uint64_t seed = 0;
};

struct AskArguments {
  std::vector<std::string> words;  // the model's folder and the file of questions
  bool continuations = false, end_of_text = false;
  std::string preface;
  std::filesystem::path to;        // where likelihoods go, if anywhere
};

int run_command(const Context& context, const RunArguments& arguments);
int list_command(const Context& context, const ListArguments& arguments);
int report_command(const Context& context, const std::filesystem::path& run, bool mixed_builds);
int compare_command(const std::filesystem::path& a, const std::filesystem::path& b,
                    bool mixed_builds);
int export_command(const std::filesystem::path& run, std::filesystem::path out);
int data_command(const Context& context, const DataArguments& arguments);
int doctor_command(const Context& context, const std::string& data_dir);
int bench_command(const std::vector<std::string>& words);
int debug_command(const Context& context, const DebugArguments& arguments);
int sample_command(const SampleArguments& arguments);
int ask_command(const AskArguments& arguments);

// A command's name, what it is for in a few words, and how to run it with the words after its name.
struct Command {
  const char* name;
  const char* what;
  int (*run)(const Context&, const std::vector<std::string>& words);
};
std::span<const Command> commands();

// The experiment of that name; an empty name stands for the only one of a catalogue. UserError.
const Experiment& find_experiment(const Context& context, const std::string& name);

}  // namespace omni::cli
