"""Some hundred short texts about something else, of which no query is meant to find any."""

from __future__ import annotations

_MUSIC = """
    violin, trumpet, cello, flute, clarinet, harp, oboe, trombone, guitar, accordion, piano,
    tuba, bassoon, banjo, organ, mandolin, saxophone, drum, xylophone, bagpipe, recorder, viola
"""
_TOWNS = """
    Lisbon, Oslo, Kyoto, Quito, Accra, Riga, Cork, Perth, Lima, Graz, Turin, Bergen, Cusco,
    Tunis, Ghent, Split, Osaka, Hanoi, Porto, Vilnius, Leeds, Basel
"""
_ANIMALS = """
    badger, heron, lynx, otter, beaver, camel, walrus, falcon, gecko, zebra, panda, koala,
    python, salmon, dolphin, giraffe, wolf, raven, turtle, penguin, squirrel, moose
"""
_DISHES = """
    lasagne, borscht, paella, goulash, ramen, falafel, risotto, curry, tacos, sushi, moussaka,
    chowder, ratatouille, gazpacho, kimchi, tagine, pierogi, dumplings, stew, omelette, quiche,
    couscous
"""
_SPORTS = """
    football, cricket, rowing, fencing, judo, tennis, hockey, basketball, rugby, curling,
    archery, gymnastics, boxing, golf, volleyball, badminton, handball, snooker, darts, squash,
    wrestling, lacrosse
"""
_TRADES = """
    carpenter, tailor, mason, potter, weaver, cobbler, printer, locksmith, glazier, tanner,
    saddler, jeweller, cooper, miller, basket maker, engraver, bookbinder, clockmaker, thatcher,
    blacksmith, upholsterer, plasterer
"""

_SENTENCES = (
    (
        "{} lessons",
        "The pupil practises the {} for an hour before the concert. Scales come first, and "
        "then the slow movement of a sonata.",
        _MUSIC,
    ),
    (
        "The orchestra's {}",
        "The conductor asked the player of the {} for a softer tone, and the audience "
        "applauded for a long time.",
        _MUSIC,
    ),
    (
        "A weekend in {}",
        "The old quarter of {} has narrow streets, a cathedral and a museum of paintings. "
        "Visitors take the tram to the market square.",
        _TOWNS,
    ),
    (
        "The council of {}",
        "The mayor of {} presented the budget for schools and roads. The vote was postponed "
        "until the election.",
        _TOWNS,
    ),
    (
        "The {}",
        "Biologists counted every {} in the reserve. The young stay with their mother until "
        "they can hunt or graze on their own.",
        _ANIMALS,
    ),
    (
        "A {} in the zoo",
        "The keeper feeds the {} twice, and children draw it in their notebooks.",
        _ANIMALS,
    ),
    (
        "Grandmother's {}",
        "For {} she chops onions and garlic, adds pepper and a bay leaf, and serves it in "
        "deep plates to her guests.",
        _DISHES,
    ),
    (
        "Where to eat {}",
        "The restaurant on the corner is famous for its {}. The waiter recommends a dry wine "
        "and a table at the window.",
        _DISHES,
    ),
    (
        "The {} final",
        "The referee whistled, and the {} team from the north won the championship. The "
        "captain lifted the trophy.",
        _SPORTS,
    ),
    (
        "{} for beginners",
        "A {} club lends equipment to newcomers. The coach explains the rules, and training "
        "ends with stretching.",
        _SPORTS,
    ),
    (
        "The {}'s workshop",
        "The {} learnt the craft from an uncle and now employs two apprentices. Orders are "
        "written into a ledger.",
        _TRADES,
    ),
    (
        "Wages of a {}",
        "The guild fixed what a {} could charge for a day. Its archive holds contracts and "
        "seals of four centuries.",
        _TRADES,
    ),
)


def distractors() -> list[tuple[str, str]]:
    """Titles and texts."""
    return [
        (title.format(word).capitalize(), text.format(word))
        for title, text, words in _SENTENCES
        for word in " ".join(words.split()).split(", ")
    ]
