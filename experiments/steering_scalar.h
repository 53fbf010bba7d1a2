// The settings of the steering scalar; steering_scalar.cpp runs it, steering_scalar_report.cpp has
// its claims and figures.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lab/experiment.h"
#include "lab/language_task.h"

namespace omni {

struct SteeringScalar : LanguageTask {
  std::string word = "", kin = "", companions = "";
  int64_t first_layer = 1, last_layer = 3, steered_layer = 2;
  std::vector<double> pushes = {0.1, 0.2, 0.3, 0.5, 0.7, 1, 2, 4};
  double clip = 1;
  int64_t layers = 0, width = 0, heads = 0;
  bool rotary = false;
  int64_t samples = 4, sample_length = 60;

  // Many steps at a high rate, of few stories each: an unembedding turns to the dimension by as much
  // as the steps and their rates add up to.
  SteeringScalar() {
    size = "M";
    steps = 1600;
    batch = 8;
    lr = 3e-3;
    held_out = 500;
    decayed = "matrices";
  }

  void visit(auto&& option) {
    LanguageTask::visit(option);
    option("word", word,
           "the token that is routed, without its leading space; empty: the first "
           "town of generated stories",
           of_own_text());
    option("kin", kin, "words of its kind, joined by +; empty: the other towns", of_own_text());
    option("companions", companions, "words that go with it, joined by +; empty: the town's sights",
           of_own_text());
    option("first_layer", first_layer, "the first block whose output is routed", between(0, 1000));
    option("last_layer", last_layer, "the last one", between(0, 1000));
    option("steered_layer", steered_layer, "the block whose output is pushed", between(0, 1000));
    // Never harmless: the best push counts, and among more it is better.
    option("pushes", pushes,
           "of both signs, in multiples of what the dimension usually holds where the word follows",
           between(1e-6, 1e6));
    option("clip", clip, "gradients are shortened to this norm; 0: as they are", between(0, 1e6));
    option("layers", layers, "of the network, in place of its preset's; 0: as there",
           between(0, 1000));
    option("width", width, "the same", between(0, 100'000));
    option("heads", heads, "the same", between(0, 1000));
    option("rotary", rotary, "rotary positions in place of learned ones");
    option("samples", samples, "texts of each kind in the report", between(1, 50),
           harmless("they are for reading"));
    option("sample_length", sample_length, "tokens of each", between(1, 1000),
           harmless("they are for reading"));
  }

  void check() const;
  std::vector<SteeringScalar> calibrated() const;
  std::vector<ArmInfo> arms() const;
  void run(Trial& t) const;
  std::vector<ClaimSpec> claims(const Dataset&) const;
  std::vector<FigureRow> figures() const;

  // --- Arms ---
  static constexpr const char* kRouted = "routed";
  static constexpr const char* kUnrouted = "unrouted";
  static constexpr const char* kLot = "by-lot";
  // --- Followers ---
  static constexpr const char* kKin = "kin";
  static constexpr const char* kCompanions = "companions";

 private:
  // Words that may follow the routed one, and others that are as common and have no reason to.
  struct Followers {
    std::string name;  // kKin or kCompanions, the metrics' prefix
    std::vector<int32_t> words, others;
  };
  struct Words {
    int32_t word = 0;
    std::vector<Followers> followers;
  };
  struct Seed {
    Corpus corpus;
    TransformerOptions options;
    Words words;
    double share;  // of the positions that the word follows
  };
  // Mean probabilities over held-out text of the word and each kind of followers, and the perplexity.
  struct Said {
    double word;
    std::vector<double> followers;
    double perplexity;
  };

  TransformerOptions shape(TransformerOptions o) const;
  Words words_of(const Corpus& c, const std::vector<int64_t>& counts) const;
  Model routed(const Seed& seed, const std::string& arm) const;
  void push(Net& net, Value by, int64_t width) const;
  void run_arm(Trial& t, const Seed& seed, const std::string& arm) const;
  std::map<std::string, double> rank(Trial& t, const Seed& seed, const std::string& arm,
                                     const Ensemble& m) const;
  Said say(Trial& t, const Seed& seed, const Ensemble& m, double by) const;
  double usual_size(Trial& t, const Seed& seed, const Ensemble& m) const;
  std::map<std::string, double> sweep(Trial& t, const Seed& seed, const std::string& arm,
                                      const Ensemble& m, double sign) const;
  void write_samples(Trial& t, const Seed& seed, const Ensemble& m, double by) const;
};

}  // namespace omni
