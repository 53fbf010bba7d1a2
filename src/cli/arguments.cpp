// What can be typed after each command, and the help that teaches it by examples.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "base/nearest.h"
#include "cli/commands.h"
#include "cli/screen.h"
#include "lab/numbers.h"

namespace omni::cli {
namespace {

// Help as a page to read: what it does, usage, options, examples.
class HelpPage : public CLI::Formatter {
 public:
  HelpPage() { column_width(24); }
  std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode mode) const override {
    return make_description(app) + make_groups(app, mode) + "\n" + app->get_footer() + "\n";
  }
  std::string make_option_name(const CLI::Option* o, bool) const override {
    return o->get_name(false, true);
  }
  std::string make_option_opts(const CLI::Option* o) const override {
    return o->get_type_size() == 0 ? "" : " " + o->get_type_name();
  }
};

template <class T>
struct NumberOf {
  using type = T;
};
template <class T>
struct NumberOf<std::optional<T>> {
  using type = T;
};

// A number as people type them everywhere, 1e3 for one, made what the parser reads; or what is
// wrong with it.
template <class T>
std::string as_number(std::string& text) {
  using Number = typename NumberOf<T>::type;
  if constexpr (std::is_floating_point_v<Number>) {
    double x = 0;
    if (!parse_number(text, x))
      return fmt::format("expected a number, got '{}'{}", text, number_hint(text));
    text = fmt::format("{}", x);
  } else if constexpr (std::is_integral_v<Number>) {
    int64_t n = 0;
    if (std::is_unsigned_v<Number> && !text.starts_with('-') && text.size() > 18) return "";
    if (!parse_integer(text, n) || !std::in_range<Number>(n))
      return fmt::format("expected a whole number from {} to {}, got '{}'",
                         std::is_unsigned_v<Number> ? 0 : std::numeric_limits<Number>::min(),
                         std::numeric_limits<Number>::max(), text);
    text = fmt::format("{}", n);
  }
  return "";
}

// One command's arguments while they are parsed.
class Parser {
 public:
  // `usage` and `examples`: what follows the command; NAME in an example becomes an experiment.
  Parser(const Context& context, const char* command, const char* usage, std::string what,
         const std::vector<std::pair<const char*, const char*>>& examples)
      : command_(command) {
    app_.description(fmt::format("{}\nusage: {} {} {}", wrapped(what, 0), context.program, command,
                                 usage));
    const std::string name = context.catalogue.empty() ? "NAME" : context.catalogue[0].name;
    std::string footer = "Examples:\n";
    for (const auto& [line, why] : examples) {
      std::string whole = fmt::format("  {} {} {}", context.program, command, line);
      if (const size_t at = whole.find("NAME"); at != std::string::npos) whole.replace(at, 4, name);
      footer += fmt::format("{:<64}  {}\n", whole, why);
    }
    footer.pop_back();
    app_.footer(footer);
    app_.formatter(std::make_shared<HelpPage>());
    app_.set_help_flag("-h,--help", "this page");
  }

  // Words may be settings, key=value.
  void settings(std::vector<std::string>& to) {
    takes_settings_ = true;
    words(to);
  }
  void words(std::vector<std::string>& to) { app_.add_option("words", to)->group(""); }
  void word(std::string& to) { app_.add_option("word", to)->group(""); }

  template <class T>
  void option(const char* name, T& to, const char* type, const char* what) {
    app_.add_option(name, to, what)
        ->type_name(type)
        ->check([](const std::string& text) { return text.empty() ? "a value is missing" : ""; })
        ->transform(CLI::Validator(as_number<T>, ""));
  }
  void flag(const char* name, bool& to, const char* what) { app_.add_flag(name, to, what); }

  // False when help was asked for, and given.
  bool parse(std::vector<std::string> words) {
    for (std::string& word : words) {  // "-run" names a folder where there is one
      std::error_code ignored;
      if (word.size() > 2 && word[0] == '-' && word[1] != '-' &&
          std::filesystem::exists(word, ignored))
        word.insert(0, "./");
    }
    std::ranges::reverse(words);  // as CLI11 takes them
    try {
      app_.parse(words);
    } catch (const CLI::CallForHelp&) {
      write_out(app_.help());
      return false;
    } catch (const CLI::ExtrasError&) {
      const std::string extra = app_.remaining().front();
      if (!extra.starts_with("-"))
        fail_user("{}: '{}' is one word too many; see {} --help", command_, extra, command_);
      if (takes_settings_ && extra.find('=') != std::string::npos) refuse_dashes(extra);
      std::vector<std::string> known;
      for (const CLI::Option* o : app_.get_options())
        if (o->nonpositional()) known.push_back("--" + o->get_lnames().front());
      const std::string name = extra.substr(0, extra.find('='));
      fail_user("{}: there is no option {}{}", command_, name, suggest(name, known));
    } catch (const CLI::ParseError& e) {
      fail_user("{}: {}; see {} --help", command_, e.what(), command_);
    }
    return true;
  }

 private:
  // "--lr=0.1" and "-lr=0.1", unless an option of the command's was meant.
  void refuse_dashes(const std::string& word) const {
    const std::string setting = word.substr(word.find_first_not_of('-'));
    const std::string name = setting.substr(0, setting.find('='));
    std::vector<std::string> known;
    for (const CLI::Option* o : app_.get_options())
      if (o->nonpositional()) known.push_back(o->get_lnames().front());
    if (!nearest(name, known).empty()) return;
    fail_user("{}: there is no option {}; settings of an experiment are written without dashes: {}",
              command_, word.substr(0, word.find('=')), setting);
  }

  std::string command_;
  bool takes_settings_ = false;
  CLI::App app_;
};

void add_choice(Parser& p, Choice& c) {
  p.settings(c.words);
  p.option("--preset", c.preset, "NAME", "a named choice of options; `list NAME` shows them");
  p.option("--config", c.config, "FILE", "TOML file with key = value lines, arrays sweep");
  p.option("--seeds", c.seeds, "A..B", "random seeds, one model per condition and seed");
  p.option("--data-dir", c.data_dir, "DIR", "where to look for data sets first");
  p.flag("--no-download", c.no_download, "never fetch data sets");
}

int run(const Context& context, const std::vector<std::string>& words) {
  RunArguments a;
  Parser p(context, "run", "NAME [key=value ...] [options]",
           "Runs an experiment and leaves a folder with its results and report.html. The same "
           "command again goes on where a stopped run was left.",
           {{"NAME", "the default preset"},
            {"NAME --preset smoke", "seconds: does everything work?"},
            {"NAME models=32 lr=0.001", "seeds 0..31, another learning rate"},
            {"NAME width=64,128,256", "a sweep, drawn as a curve"},
            {"NAME --seeds 100..131 --out again", "fresh seeds, a folder of choice"}});
  add_choice(p, a.choice);
  p.option("--executor", a.choice.executor, "E",
           "cpu (default) or reference: double precision, a hundred times slower or more");
  p.option("--precision", a.choice.precision, "P", "f32 (default) or bf16");
  p.option("--passes-off", a.choice.passes_off, "A,B", "leave out graph passes by name, or all");
  p.option("--out", a.out, "DIR", "the run's folder; default: runs/NAME-PRESET");
  p.option("--threads", a.threads, "N", "default: all cores; results do not depend on it");
  p.option("--checkpoint-every", a.checkpoint_every_s, "S",
           "seconds; a kill loses at most this much work, Ctrl-C none (default: 20)");
  p.flag("--keep-models", a.keep_models,
         "write every final model to models/ in the run folder, as safetensors");
  p.flag("--anew", a.anew, "from the start; a run that the folder holds is renamed, not lost");
  p.flag("--mixed-builds", a.mixed_builds,
         "go on with, and report, what another build of the program made otherwise");
  p.flag("--quiet", a.quiet, "no progress, only results");
  return p.parse(words) ? run_command(context, a) : 0;
}

int list(const Context& context, const std::vector<std::string>& words) {
  ListArguments a;
  std::string count;
  Parser p(context, "list", "[NAME]",
           "Lists the experiments; with a name, one experiment's question, options, presets with "
           "their cost, and claims.",
           {{"", "all of them"}, {"NAME", "one in full"}});
  p.word(a.name);
  p.option("--count", count, "FILE", "only count what presets compute, and keep it; builds do");
  if (!p.parse(words)) return 0;
  a.count = count;
  return list_command(context, a);
}

int report(const Context& context, const std::vector<std::string>& words) {
  std::string run;
  Parser p(context, "report", "DIR",
           "Makes report.html, figures and summary.csv of a run again, from what is stored.",
           {{"runs/NAME-quick", ""}});
  bool mixed_builds = false;
  p.word(run);
  p.flag("--mixed-builds", mixed_builds,
         "even where several builds of the program made the results");
  return p.parse(words) ? report_command(context, run, mixed_builds) : 0;
}

int compare(const Context& context, const std::vector<std::string>& words) {
  std::vector<std::string> runs;
  Parser p(context, "compare", "DIR DIR",
           "Compares two runs: every metric of the conditions that both have, with the difference, "
           "paired by seed where seeds match.",
           {{"runs/a runs/b", ""}});
  bool mixed_builds = false;
  p.words(runs);
  p.flag("--mixed-builds", mixed_builds,
         "even where several builds of the program made the results");
  if (!p.parse(words)) return 0;
  require(runs.size() == 2, "compare: expected two run folders, got {}; see compare --help",
          runs.size());
  return compare_command(runs[0], runs[1], mixed_builds);
}

int export_run(const Context& context, const std::vector<std::string>& words) {
  std::string run, out;
  Parser p(context, "export", "DIR [--to OUT]",
           "Writes a run's results as models.csv, metrics.csv and claims.csv for other programs.",
           {{"runs/NAME-quick", "into its folder export/"},
            {"runs/NAME-quick --to tables", ""}});
  p.word(run);
  p.option("--to", out, "OUT", "folder for the files; default: DIR/export");
  return p.parse(words) ? export_command(run, out) : 0;
}

int data(const Context& context, const std::vector<std::string>& words) {
  DataArguments a;
  Parser p(context, "data", "[get NAME ...]",
           "Shows which data sets are on this machine, checking their contents; `get` downloads. "
           "Folders of your own: OMNISCALE_DATA=dir1:dir2, each with mnist/ and the like.",
           {{"", "what is where"}, {"get mnist", "download now, to work offline later"}});
  p.words(a.words);
  p.option("--data-dir", a.data_dir, "DIR", "where to look first");
  return p.parse(words) ? data_command(context, a) : 0;
}

int doctor(const Context& context, const std::vector<std::string>& words) {
  std::string data_dir;
  Parser p(context, "doctor", "",
           "Looks at this machine and this program, and trains something tiny twice to see that "
           "results do not depend on the number of threads. Send its output with a bug report.",
           {{"", ""}});
  p.option("--data-dir", data_dir, "DIR", "where to look for data sets first");
  return p.parse(words) ? doctor_command(context, data_dir) : 0;
}

int debug(const Context& context, const std::vector<std::string>& words) {
  DebugArguments a;
  Parser p(context, "debug", "NAME [key=value ...] [options]",
           "Runs one training step of each phase, its probe and every evaluation on the reference "
           "interpreter, in double precision, on the first rows of the data: shows every named "
           "value, the gradient of every parameter and the first op that makes a NaN or an "
           "infinity. Of a phase of several programs: a round, call by call, and each program. "
           "Weights are drawn anew, unless the phases are run.",
           {{"NAME", "all phases"},
            {"NAME --phase teacher --graph", "the graph of one"},
            {"NAME --phase student --run", "from the teacher that was trained"},
            {"NAME --phase teacher --print loss", "a value's numbers"},
            {"NAME lr=10 --steps 50", "where does it overflow?"}});
  add_choice(p, a.choice);
  p.option("--phase", a.phase, "P",
           "only this phase, \"P, its probe\", \"P, PROGRAM\" or evaluation");
  p.option("--print", a.print, "VALUE", "numbers of a named value or of %12; may be repeated");
  p.flag("--graph", a.graph, "print the graph, one op per line");
  p.flag("--run", a.run, "train the earlier phases, and start from what they gave");
  p.option("--rows", a.rows, "N", "rows of the batch; default: 8");
  p.option("--steps", a.steps, "N",
           "steps or rounds on these rows, to the first bad one; default: 1");
  return p.parse(words) ? debug_command(context, a) : 0;
}

int sample(const Context& context, const std::vector<std::string>& words) {
  SampleArguments a;
  Parser p(context, "sample", "FOLDER \"PROMPT\" [options]",
           "Lets a language model go on with a text. The folder is as on the Hugging Face hub, of a "
           "GPT-2, GPT-Neo or Qwen2, or has words.txt in place of its tokenizer.",
           {{"models/tiny \"One day\"", ""},
            {"models/tiny \"One day\" --samples 5 --top-k 40", "five, from likelier tokens"},
            {"models/tiny \"One day\" --temperature 0", "always the likeliest token"}});
  p.words(a.words);
  p.option("--tokens", a.tokens, "N", "how many to add; default: 100, or what the context holds");
  p.option("--temperature", a.temperature, "T", "below 1 likelier, above 1 wilder; default: 1");
  p.option("--top-k", a.top_k, "K", "draw from the K likeliest tokens; default: 0, from all");
  p.option("--seed", a.seed, "S", "another seed, other texts; default: 0");
  p.option("--samples", a.samples, "N", "texts; the first ones stay the same; default: 1");
  return p.parse(words) ? sample_command(a) : 0;
}

int ask(const Context& context, const std::vector<std::string>& words) {
  AskArguments a;
  std::string to;
  Parser p(context, "ask", "FOLDER QUESTIONS.jsonl [options]",
           "Asks a language model multiple-choice questions, one per line: {\"question\": \"...\", "
           "\"choices\": [\"...\", ...], \"answer\": 0}. It sees question, lettered choices and "
           "\"Answer:\", and chooses the likeliest letter. The folder is as for sample.",
           {{"models/tiny wmdp-bio.jsonl", ""},
            {"models/tiny facts.jsonl --continuations", "the likeliest text after the question"}});
  p.words(a.words);
  p.flag("--continuations", a.continuations,
         "score each choice's text after the question, not its letter");
  p.option("--preface", a.preface, "TEXT", "what stands before every question");
  p.flag("--end-of-text", a.end_of_text,
         "begin with <|endoftext|>, for models that always did in training");
  p.option("--to", to, "FILE", "a new CSV file for the likelihood of every choice, in nats");
  if (!p.parse(words)) return 0;
  a.to = to;
  return ask_command(a);
}

int bench(const Context& context, const std::vector<std::string>& words) {
  if (!words.empty() && (words[0] == "--help" || words[0] == "-h")) {
    Parser p(context, "bench", "[--json] [--peers]",
             "Measures this machine against the targets; with --peers against PyTorch and JAX, too, "
             "which are installed first. Leave the machine alone meanwhile.",
             {{"", ""}, {"--json", "for programs"}, {"--peers", "some 5 GB, and most of an hour"}});
    p.parse(words);
    return 0;
  }
  return bench_command(words);
}

}  // namespace

std::span<const Command> commands() {
  static constexpr Command all[] = {
      {"run", "run an experiment, or go on with a stopped run", run},
      {"list", "experiments: question, source, cost, options, claims", list},
      {"report", "make a run's report again", report},
      {"compare", "two runs beside each other", compare},
      {"export", "a run's results as CSV files", export_run},
      {"data", "data sets on this machine, and downloads", data},
      {"bench", "measure the speed of this machine", bench},
      {"doctor", "is everything in order here?", doctor},
      {"debug", "one step on the reference interpreter, value by value", debug},
      {"sample", "let a language model go on with a text", sample},
      {"ask", "multiple-choice questions to a language model", ask},
  };
  return all;
}

}  // namespace omni::cli
