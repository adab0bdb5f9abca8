"""Words that change what a sentence says, by language.  All in lower case.

Words that mean something else in another of the languages, and often, are left out (``due``, which
is two in Italian) or need a number beside them (``may``).
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LANGUAGES = ("en", "de", "fr", "it")

NEGATIONS = {
    "en": _words("not no never none nor neither nothing nobody nowhere without unless except"),
    "de": _words(
        "nicht nichts nie niemals niemand nirgends kein keine keinem keinen keiner keines"
        " ohne weder keinesfalls keineswegs au\u00dfer"
    ),
    "fr": _words("ne pas jamais rien aucun aucune sans ni non gu\u00e8re nul nulle sauf"),
    "it": _words(
        "non no mai niente nulla nessun nessuno nessuna n\u00e9 senza neanche nemmeno neppure"
        " tranne"
    ),
}

# "one" is an article in most of these languages.
NUMBERS = {
    "en": _words(
        "two three four five six seven eight nine ten eleven twelve twenty thirty fifty hundred"
        " thousand million billion half twice double triple dozen first second third"
    ),
    "de": _words(
        "zwei drei vier f\u00fcnf sechs sieben acht neun zehn elf zw\u00f6lf zwanzig drei\u00dfig"
        " hundert tausend million millionen milliarde milliarden halb doppelt"
    ),
    "fr": _words(
        "deux trois quatre cinq sept huit neuf dix onze douze vingt trente cent mille"
        " million millions milliard milliards demi double"
    ),
    "it": _words(
        "tre quattro cinque sette otto nove dieci undici dodici venti trenta cento mille mila"
        " milione milioni miliardo miliardi mezzo doppio"
    ),
}

MONTHS = {
    "en": _words(
        "january february march april may june july august september october november december"
        " jan feb mar apr jun jul aug sep sept oct nov dec"
    ),
    "de": _words(
        "januar j\u00e4nner februar m\u00e4rz april mai juni juli august september oktober"
        " november dezember jan feb mrz apr jun jul aug sep okt nov dez"
    ),
    "fr": _words(
        "janvier f\u00e9vrier mars avril mai juin juillet ao\u00fbt septembre octobre novembre"
        " d\u00e9cembre janv f\u00e9vr avr juil sept oct nov d\u00e9c"
    ),
    "it": _words(
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre"
        " dicembre gen feb mar apr mag giu lug ago set ott nov dic"
    ),
}

# Months only beside a number.
AMBIGUOUS_MONTHS = _words(
    "march may mars mai jan feb mar apr jun jul aug sep sept oct okt nov dec dez mrz avr mag giu"
    " lug ago set ott dic gen"
)

DAYS = {
    "en": _words(
        "monday tuesday wednesday thursday friday saturday sunday today tomorrow yesterday"
    ),
    "de": _words(
        "montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag heute gestern"
    ),
    "fr": _words("lundi mardi mercredi jeudi vendredi samedi dimanche demain"),
    "it": _words(
        "luned\u00ec marted\u00ec mercoled\u00ec gioved\u00ec venerd\u00ec sabato domenica"
        " oggi domani ieri"
    ),
}

# What a number after it points to, and does not measure.
REFERENCES = {
    "en": _words(
        "section sections chapter chapters table tables figure figures example examples appendix"
        " appendices part parts page pages item note equation"
    ),
    "de": _words(
        "abschnitt abschnitte abschnitten kapitel kapiteln tabelle tabellen abbildung abbildungen"
        " beispiel beispiele anhang teil seite seiten"
    ),
    "fr": _words(
        "section sections chapitre chapitres tableau tableaux figure figures exemple exemples"
        " annexe annexes partie parties page pages"
    ),
    "it": _words(
        "sezione sezioni capitolo capitoli tabella tabelle figura figure esempio esempi appendice"
        " parte parti pagina pagine"
    ),
}

# What may stand between two numbers that the same word introduces.
CONNECTIVES = _words("and or to und oder bis et ou \u00e0 e o a")

# A word after a number with a space between is its unit only if it is one of these.
UNITS = _words(
    # of the SI and beside it
    "m cm mm km nm \u00b5m g kg mg \u00b5g ug mcg t l ml cl dl \u00b5l s ms \u00b5s ns min h d"
    " ma v mv kv w kw mw gw kwh wh j kj mj cal kcal n k c f pa hpa kpa mpa bar hz khz mhz ghz mol"
    " mmol ppm ppb db iu ie rpm"
    # of other places
    " ft yd mi oz lb lbs gal pt qt mph psi acre acres inch inches foot feet mile miles ounce"
    " ounces pound pounds"
    # of computers
    " b kb mb gb tb pb kib mib gib tib bit bits byte bytes kilobyte kilobytes megabyte megabytes"
    " gigabyte gigabytes terabyte terabytes kbit mbit gbit kbps mbps gbps px dpi fps"
    # of money
    " usd eur gbp chf jpy cny dollar dollars euro euros franc francs cent cents franken"
    # of time
    " nanosecond nanoseconds microsecond microseconds millisecond milliseconds sec secs second"
    " seconds mins minute minutes hour hours hr hrs day days week weeks month months year years"
    " am pm sekunde sekunden minuten stunde stunden tag tage tagen woche wochen monat"
    " monate monaten jahr jahre jahren uhr seconde secondes heure heures jour jours semaine"
    " semaines mois ans ann\u00e9e ann\u00e9es secondo secondi minuto minuti ora ore giorno"
    " giorni settimana settimane mese mesi anno anni"
    # in words
    " percent prozent pourcent percento degree degrees grad degr\u00e9 degr\u00e9s gradi"
    " gram grams gramm kilogram kilograms kilogramm milligram milligrams meter meters metre metres"
    " kilometer kilometers kilometre kilometres liter liters litre litres watt watts volt volts"
)

# Sentences begin with these in capitals, and they name nothing.
OPENERS = _words(
    "the this that these those it its he she we you they i there here if when while for in on"
    " at by to from with without as but and or not no each all some any many most several both"
    " either another other such see note a an however therefore thus also then since because"
    " although though unless until after before during once where what which who how why only"
    " so der die das dieser diese dieses ein eine einer eines es er sie wir ihr ich man hier"
    " dort wenn falls w\u00e4hrend f\u00fcr im am bei zu zum zur von vom mit ohne als aber und"
    " oder nicht kein keine jeder jede alle einige viele beide ein andere siehe jedoch daher"
    " also dann da weil obwohl bis nach vor seit wo was wer wie warum nur auch dies le la les"
    " l ce cet cette ces un une des il elle on nous vous ils elles je ici si quand pour dans"
    " en sur \u00e0 au aux de du par avec sans comme mais et ou ne chaque tous toutes quelques"
    " plusieurs voir donc ainsi puis car bien apr\u00e8s avant pendant o\u00f9 que qui comment"
    " pourquoi seulement il lo gli i questo questa questi queste uno una noi voi loro io qui"
    " se quando per nel nella nei su da dal con senza come ma e o non ogni tutti tutte alcuni"
    " molti vedi quindi cos\u00ec poi perch\u00e9 dopo prima durante dove che chi solo anche"
)

# A full stop after one of these ends no sentence.
ABBREVIATIONS = _words("dr mr mrs ms prof st hr fr sig mme mlle no nr vs cf vgl ca inc ltd")
