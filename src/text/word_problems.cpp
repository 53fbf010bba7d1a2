#include "text/word_problems.h"

namespace omni {
namespace {

constexpr std::string_view kNames =
    "Aaron Abby Abel Ada Adam Adele Agnes Aidan Alan Albert Alec Alex Alice Alma Alva Amber "
    "Amir Amos Amy Andre Andrew Angela Anita Ann Anna Anton April Arden Aria Ariel Arlo "
    "Arthur Asher Astrid Aubrey Audrey August Aurora Ava Axel Barbara Basil Beatrice Bella "
    "Ben Bernard Bert Beth Betty Bianca Bill Blake Bob Bonnie Boris Brad Brenda Brian Bridget "
    "Bruce Bruno Bryce Caleb Calvin Camila Carl Carla Carmen Carol Caroline Casey Cathy Cecil "
    "Cecilia Chad Charles Charlotte Chloe Chris Clara Claude Clay Clement Colin Connor Cora "
    "Craig Curtis Cynthia Cyrus Daisy Dale Damian Dana Daniel Daphne Darren David Dawn Dean "
    "Deborah Dennis Derek Diana Dominic Donald Donna Dora Doris Doug Duncan Dylan Earl Eddie "
    "Edgar Edith Edmund Edward Edwin Eileen Elaine Eleanor Eli Elias Elise Eliza Ella Ellen "
    "Elliot Elmer Elsa Emil Emily Emma Enzo Eric Erin Ernest Esther Ethan Eugene Eva Evan Eve "
    "Evelyn Ezra Faith Fay Felix Fiona Flora Floyd Frances Frank Fred Freya Gabriel Gail "
    "Gavin Gemma George Gerald Gina Glen Gloria Grace Grant Greg Greta Gus Guy Gwen Hank "
    "Hannah Harold Harriet Harry Harvey Hazel Heather Hector Helen Henry Herman Hilda Holly "
    "Homer Hope Howard Hugh Hugo Ian Ida Igor Imogen Ingrid Irene Iris Irma Isaac Isabel Ivan "
    "Ivy Jack Jacob Jade James Jane Janet Jared Jasmine Jason Jean Jenna Jeremy Jerome Jesse "
    "Jill Joan Joel John Jonah Jordan Joseph Josh Joy Joyce Juan Judith Julia Julian June "
    "Karen Karl Kate Keith Kelly Ken Kevin Kira Kurt Kyle Lana Lara Laura Lauren Leah Lena "
    "Leo Leon Leroy Lewis Liam Lila Linda Lisa Lloyd Logan Lola Louis Lucas Lucy Luis Luna "
    "Lydia Lyle Mabel Mack Maggie Marco Maria Mark Martha Martin Mary Matthew Maude Max Maya "
    "Megan Mia Michael Mike Mila Miles Mona Nadia Nancy Naomi Nate";

constexpr std::string_view kObjects =
    "apples pears plums peaches cherries grapes lemons limes oranges bananas mangoes melons "
    "figs dates olives tomatoes potatoes carrots onions turnips beets radishes peppers "
    "cucumbers pumpkins beans peas nuts almonds walnuts acorns seeds eggs muffins cookies "
    "cakes pies tarts waffles pancakes sandwiches pretzels crackers biscuits candies "
    "lollipops chocolates caramels donuts buns rolls pizzas tacos dumplings noodles sausages "
    "cheeses yogurts popsicles cupcakes books notebooks diaries magazines newspapers comics "
    "maps letters postcards envelopes stamps stickers posters paintings drawings photos "
    "pencils pens crayons markers brushes erasers rulers scissors clips pins needles buttons "
    "beads ribbons threads ropes strings chains rings bracelets necklaces watches clocks "
    "coins tickets tokens badges medals trophies flags balloons candles lanterns lamps bulbs "
    "batteries cables switches screws nails bolts hammers wrenches saws bricks tiles planks "
    "boards poles stones pebbles rocks shells feathers leaves flowers roses tulips daisies "
    "lilies violets cactuses bushes logs twigs toys dolls puppets robots blocks puzzles "
    "marbles dice cards kites drums flutes whistles bells balls bats gloves helmets skates "
    "sleds scooters wagons tires wheels hats caps scarves socks shoes boots shirts sweaters "
    "jackets coats belts ties towels blankets pillows sheets curtains rugs mats cups mugs "
    "plates bowls spoons forks knives pots pans kettles jugs bottles cans vases mirrors combs";

constexpr std::string_view kPlaces =
    "park school library market museum bakery garden farm beach station harbor office "
    "workshop theater stadium hospital hotel warehouse campsite factory";

constexpr std::string_view kGroups =
    "children students friends neighbors teachers players workers cousins hikers farmers "
    "sailors dancers singers painters guests visitors campers readers runners cooks";

constexpr std::string_view kContainers =
    "boxes bags baskets crates jars buckets bins cartons trays chests drawers sacks barrels "
    "cases tubs packs shelves lockers pouches trunks";

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const size_t end = text.find(' ');
    words.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return words;
}

constexpr std::array<ProblemTemplates, 4> kTemplates = {{
    {{
         "{name} has {a} {object} and gets {b} more. Now {name} has {c} {object}.",
         "{name} found {a} {object} at the {place}, then {b} more. That makes {c} {object}.",
         "There are {a} {object} at the {place}. {name} brings {b}. That makes {c} {object}.",
         "{name} has {a} {object} and {other} has {b}. Together they have {c} {object}.",
         "In the morning {name} sold {a} {object}, in the evening {b}. In all {name} sold {c} "
         "{object}.",
         "One day {a} {group} came to the {place}, the next day {b}. In all came {c} {group}.",
         "{name} put {a} {object} on a table. {other} put {b} beside them. On the table are {c} "
         "{object}.",
         "A shelf holds {a} {object} and another holds {b}. Both hold {c} {object}.",
         "{name} bought {a} {object} and was given {b} more. {name} took home {c} {object}.",
         "At the {place} there were {a} {group}. Then {b} more arrived. Now there are {c} {group}.",
         "{name} counted {a} red {object} and {b} blue ones. {name} counted {c} {object}.",
         "{name} packed {a} {object} and {other} packed {b}. The two packed {c} {object}.",
         "The {place} ordered {a} {object} in spring and {b} in fall. It ordered {c} {object}.",
         "{name} saw {a} {object}, and {other} saw {b} others. They saw {c} different {object}.",
         "There were {a} {object} in the bag before {name} added {b}. It now holds {c} {object}.",
         "{name} made {a} {object} on Monday and {b} on Tuesday. In two days that is {c} {object}.",
         "A bus carries {a} {group}. At the {place} {b} more get on. Now it carries {c} {group}.",
         "{name} won {a} {object} and later {b} more. In the end {name} had won {c} {object}.",
         "{other} lent {name} {a} {object}, and {name} owned {b} already. {name} can use {c} "
         "{object}.",
         "The {group} brought {a} {object} and {name} brought {b}. Everybody shared {c} {object}.",
     },
     {
         "After {name} collected {a} {object}, {other} handed over {b}. {name} ended up with {c} "
         "{object}.",
         "{a} {group} wait at the {place} and {b} join them. Waiting are {c} {group}.",
         "{name} owns {a} {object}. A friend sends {b}. That gives {name} {c} {object}.",
         "A drawer has {a} {object}, a second one has {b}. The drawers have {c} {object}.",
         "The {place} showed {a} {object} last year and {b} this year, in total {c} {object}.",
         "{name} carried {a} {object} and {other} carried {b}. They moved {c} {object}.",
         "Before lunch {name} washed {a} {object} and after lunch {b}. Clean are {c} {object}.",
         "If {name} adds {b} {object} to a pile of {a}, the pile has {c} {object}.",
         "{name} has {a} old {object} and {b} new ones, which makes {c} {object}.",
         "A team of {a} {group} met a team of {b}. The {place} was full with {c} {group}.",
     }},
    {{
         "{name} has {a} {object} and gives away {b}. {name} keeps {c} {object}.",
         "There were {a} {object} at the {place}. {name} took {b}. Left are {c} {object}.",
         "{name} had {a} {object} but lost {b}. Now {name} has {c} {object}.",
         "Of {a} {group} at the {place}, {b} went home. There remain {c} {group}.",
         "{name} baked for {a} {group}, but {b} did not come. So there came {c} {group}.",
         "{name} wants {a} {object} and has {b}. Still missing are {c} {object}.",
         "A box held {a} {object} until {name} removed {b}. The box now holds {c} {object}.",
         "{name} has {a} {object} and {other} has {b}. {name} has more by {c} {object}.",
         "The {place} had {a} {object} and sold {b}. Unsold are {c} {object}.",
         "{name} picked {a} {object}, of which {b} were broken. Whole were {c} {object}.",
         "{name} must wash {a} {object} and has washed {b}. To do are {c} {object}.",
         "From a row of {a} {object} the wind blew away {b}. Standing are {c} {object}.",
         "{name} bought {a} {object} and returned {b} to the {place}. {name} kept {c} {object}.",
         "A train with {a} {group} stops and {b} get off. On it stay {c} {group}.",
         "{name} lent {other} {b} of {a} {object}. {name} was left with {c} {object}.",
         "Among {a} {object} there are {b} green ones. Not green are {c} {object}.",
         "{name} promised {a} {object} and has sent {b}. To be sent are {c} {object}.",
         "There were {a} {object} on the table. The {group} used {b}. Unused are {c} {object}.",
         "{name} hid {a} {object} and {other} found {b}. Still hidden are {c} {object}.",
         "{name} planned on {a} {object} but made {b} fewer. That makes {c} {object}.",
     },
     {
         "After {name} spent {b} of {a} {object}, there were {c} {object}.",
         "{a} {group} started and {b} gave up. At the end there were {c} {group}.",
         "Take {b} {object} from the {a} that {name} owns, and {name} owns {c} {object}.",
         "{name} dropped {b} of {a} {object} on the way and arrived with {c} {object}.",
         "The {place} needs {a} {object}. {name} brought {b}. It needs another {c} {object}.",
         "{other} ate {b} of the {a} {object} that {name} made and left {c} {object}.",
         "Once {a} {object} hung there, but {b} fell. Hanging are {c} {object}.",
         "{name} counted {a} {object}, {other} only {b}. The difference is {c} {object}.",
         "A drawer of {a} {object} lost {b}. The drawer has {c} {object}.",
         "Of {a} {group}, {b} sat down at the {place}. Standing were {c} {group}.",
     }},
    {{
         "{name} has {a} {container} with {b} {object} each. In all {name} has {c} {object}.",
         "There are {a} {group}, and each brings {b} {object}. Together they bring {c} {object}.",
         "{name} makes {b} {object} a day. In {a} days that is {c} {object}.",
         "At the {place} stand {a} {container}, each holding {b} {object}. They hold {c} {object}.",
         "{name} buys {a} packs of {b} {object}. {name} buys {c} {object}.",
         "A row has {b} {object}. In {a} rows there are {c} {object}.",
         "Each of {a} {group} carries {b} {object}. They carry {c} {object}.",
         "{name} fills {a} {container} with {b} {object} each. That takes {c} {object}.",
         "{name} reads {b} pages an hour. In {a} hours {name} reads {c} pages.",
         "The {place} sells {b} {object} an hour. In {a} hours it sells {c} {object}.",
         "Every one of {a} shelves has {b} {object}. The shelves have {c} {object}.",
         "{other} has {b} {object}, and {name} has {a} times as many. {name} has {c} {object}.",
         "{name} gives {b} {object} to each of {a} {group}. {name} gives away {c} {object}.",
         "A wall is {a} stones high and {b} stones long. It is made of {c} stones.",
         "For each of {a} tables {name} needs {b} {object}. {name} needs {c} {object}.",
         "{name} visits the {place} {a} times and takes {b} {object} each time. {name} took {c} "
         "{object}.",
         "A team has {b} {group}. In {a} teams there are {c} {group}.",
         "One of the {container} weighs {b} pounds. {a} of them weigh {c} pounds.",
         "{name} draws {b} {object} on each of {a} pages. {name} draws {c} {object}.",
         "There are {a} {container}. {name} puts {b} {object} into each. Inside are {c} {object}.",
     },
     {
         "With {b} {object} in each of {a} {container}, {name} has {c} {object}.",
         "{a} {group} found {b} {object} each. The {group} found {c} {object}.",
         "{name} works {a} days and makes {b} {object} on each. {name} made {c} {object}.",
         "The {place} has {a} rooms with {b} {object} in every one. It has {c} {object}.",
         "If one trip brings {b} {object}, then {a} trips bring {c} {object}.",
         "{name} ordered {a} sets of {b} {object}. There arrived {c} {object}.",
         "A field with {a} rows of {b} {object} has {c} {object}.",
         "{other} shows {name} {a} {container}. With {b} {object} in each there are {c} {object}.",
         "{name} pays {b} coins for each of {a} {object}. {name} pays {c} coins.",
         "Every one of {a} cars takes {b} {group}. The cars take {c} {group}.",
     }},
    {{
         "{name} shares {a} {object} among {b} {group}. Each gets {c} {object}.",
         "{name} puts {a} {object} into {b} {container} evenly. Each one holds {c} {object}.",
         "There are {a} {object} in {b} equal rows. A row has {c} {object}.",
         "{name} packs {a} {object}, {b} to a pack. That makes {c} packs.",
         "At the {place} {a} {group} form {b} equal teams. A team has {c} {group}.",
         "{name} has {a} {object} and uses {b} a day. They last {c} days.",
         "{name} made {a} {object} in {b} days, every day as many. A day gave {c} {object}.",
         "The {place} spreads {a} {object} over {b} shelves. A shelf has {c} {object}.",
         "{b} {group} carry {a} {object}, all the same number. Each carries {c} {object}.",
         "{name} paid {a} coins for {b} {object}. One of them costs {c} coins.",
         "{name} has {a} {object}, {b} times as many as {other}. {other} has {c} {object}.",
         "A book of {a} pages is read in {b} days. A day takes {c} pages.",
         "{name} cuts {a} feet of rope into {b} equal parts. A part has {c} feet.",
         "{a} {object} are sold in sets of {b}. That makes {c} sets.",
         "{name} deals {a} cards to {b} {group}. Each has {c} cards.",
         "{b} trips to the {place} brought {a} {object}. A trip brought {c} {object}.",
         "{name} plants {a} {object} in {b} equal groups. A group has {c} {object}.",
         "{a} {group} sit at {b} tables, everywhere as many. A table has {c} {group}.",
         "{name} sorts {a} {object} by {b} colors and finds all equally often. A color has {c} "
         "{object}.",
         "{name} fills {container} with {b} {object} each until {a} are gone. Full are {c} "
         "{container}.",
     },
     {
         "Among {b} {group}, {name} divides {a} {object}. Everyone takes {c} {object}.",
         "{a} {object} fit evenly into {b} {container}. In each are {c} {object}.",
         "When {name} hands out {a} {object}, {b} at a time, that takes {c} turns.",
         "The {place} splits {a} {group} into {b} lines. A line has {c} {group}.",
         "In {b} hours {name} made {a} {object}. An hour gave {c} {object}.",
         "{name} stacks {a} {object} in {b} even stacks. A stack has {c} {object}.",
         "Of {a} {object}, each of {b} drawers holds as many. A drawer holds {c} {object}.",
         "{b} {object} weigh {a} pounds. One of them weighs {c} pounds.",
         "{name} and others, {b} in all, share {a} {object}. A share is {c} {object}.",
         "{other} needs {b} {object} for one kite. With {a} {object} there are {c} kites.",
     }},
}};

}  // namespace

const std::array<ProblemTemplates, 4>& problem_templates() { return kTemplates; }

const ProblemWords& problem_words() {
  static const ProblemWords words = {words_of(kNames), words_of(kObjects), words_of(kPlaces),
                                     words_of(kGroups), words_of(kContainers)};
  return words;
}

}  // namespace omni
