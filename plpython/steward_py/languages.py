"""Words that change what a sentence says, by language.  All in lower case.

Words that mean something else in another of the languages, and often, are left out (``due``, which
is two in Italian) or need a number beside them (``may``).
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _inflected(stems: str, endings: str) -> frozenset[str]:
    return frozenset(stem + ending for stem in stems.split() for ending in endings.split())


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
        # before an apostrophe
        " neanch nemmen neppur senz null"
    ),
}

# Words that bind, allow or bound what is said: each counts, added or removed.
DECISIVE = {
    "en": _words("must shall should may might can could only always least most maximum minimum"),
    "de": _words(
        "muss m\u00fcssen soll sollen sollte sollten darf d\u00fcrfen kann k\u00f6nnen nur immer"
        " mindestens h\u00f6chstens"
    ),
    "fr": _words("doit doivent devrait devraient peut peuvent seulement toujours"),
    "it": _words("deve devono dovrebbe dovrebbero pu\u00f2 possono solo sempre almeno"),
}

# Words that say the opposite of one another, or more or less of it.  Each line has the sides of
# one question: only to change sides counts.
OPPOSITES = {
    "en": """
        must shall / should / may might / can could
        required mandatory / optional
        enable enables enabled enabling / disable disables disabled disabling
        allow allows allowed allowing permit permits permitted / forbid forbids forbidden prohibit \
        prohibits prohibited deny denies denied disallow disallows disallowed
        grant grants granted / deny denies denied revoke revokes revoked
        accept accepts accepted / reject rejects rejected refuse refuses refused
        include includes included including / exclude excludes excluded excluding
        increase increases increased increasing rise rises / decrease decreases decreased \
        decreasing reduce reduces reduced fall falls
        pass passes passed / fail fails failed
        before / after
        maximum max most maximal / minimum min least minimal
        more / less fewer
        greater higher larger / smaller lower less
        high / low
        true / false
        yes / no
        left / right
        all / none / some
        always / never / sometimes / often / rarely
        up / down
        above over / below under
        on / off
        first / last
        positive / negative
        and / or
        open opens opened opening / shut shuts close closes closed closing
        raise raises raised / lower lowers lowered
        push pushes / pull pulls
        buy buys / sell sells
        hot / cold
        alive / dead
        public / private
        second seconds / minute minutes / hour hours hourly / day days daily / week weeks weekly \
        / month months monthly / year years yearly
        weekday weekdays / weekend weekends
        hardly barely / easily fully
        """,
    "de": """
        muss m\u00fcssen / soll sollen sollte sollten / darf d\u00fcrfen / kann k\u00f6nnen
        erlaubt zul\u00e4ssig gestattet / verboten untersagt
        vor / nach
        maximal h\u00f6chstens maximum / mindestens minimal minimum
        mehr / weniger
        immer / nie / manchmal / selten
        alle / keine / einige
        wahr / falsch
        links linke linken linker / rechts rechte rechten rechter
        mit / ohne
        erh\u00f6ht erh\u00f6hen steigt / senkt senken gesenkt sinkt
        und / oder
        """,
    "fr": """
        doit doivent / peut peuvent / devrait devraient
        autoris\u00e9 autoris\u00e9e permis / interdit interdite
        avant / apr\u00e8s
        maximum maximal / minimum minimal
        plus / moins
        toujours / jamais / parfois / rarement
        tous toutes / aucun aucune / certains certaines
        vrai / faux
        gauche / droite
        avec / sans
        augmente augmenter / diminue diminuer r\u00e9duit r\u00e9duire
        """,
    "it": """
        deve devono / pu\u00f2 possono / dovrebbe dovrebbero
        consentito permesso / vietato proibito
        prima / dopo
        massimo / minimo
        pi\u00f9 / meno
        sempre / mai / talvolta / raramente
        tutti tutte / nessuno nessuna / alcuni alcune
        vero / falso
        sinistra / destra
        con / senza
        aumenta aumentare / diminuisce diminuire riduce ridurre
        """,
}

# Beginnings of words that turn what follows into its opposite, one or both: the fewest letters
# that must follow come first.
OPPOSITE_BEGINNINGS = (
    (3, "", "un"),
    (4, "", "in"),
    (4, "", "im"),
    (4, "", "il"),
    (4, "", "ir"),
    (4, "", "non-"),
    (4, "", "non"),
    (4, "", "nicht-"),
    (4, "", "nicht"),
    (4, "", "dis"),
    (4, "", "mis"),
    (4, "", "anti"),
    (6, "", "de"),
    (3, "in", "ex"),
    (3, "im", "ex"),
    (3, "in", "out"),
    (3, "in", "de"),
    (3, "en", "de"),
    (3, "en", "dis"),
    (3, "over", "under"),
    (3, "up", "down"),
    (3, "pre", "post"),
    (3, "hyper", "hypo"),
    (3, "inter", "intra"),
    (3, "max", "min"),
    (3, "ein", "aus"),
    (3, "auf", "ab"),
    (3, "zu", "ab"),
    (3, "vor", "nach"),
    (3, "\u00fcber", "unter"),
)
OPPOSITE_ENDINGS = ((3, "ful", "less"), (4, "er", "ee"), (4, "or", "ee"))

# "one" is an article in most of these languages: see AMBIGUOUS_NUMBERS.
NUMBERS = {
    "en": _words(
        "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
        " sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"
        " hundred hundreds thousand thousands million millions billion billions trillion half"
        " quarter quarters twice thrice double triple dozen first second third fourth fifth sixth"
        " seventh eighth ninth tenth"
    ),
    "de": _words(
        "zwei drei vier f\u00fcnf sechs sieben acht neun zehn elf zw\u00f6lf dreizehn vierzehn"
        " f\u00fcnfzehn sechzehn siebzehn achtzehn neunzehn zwanzig drei\u00dfig vierzig"
        " f\u00fcnfzig sechzig siebzig achtzig neunzig hundert tausend million millionen milliarde"
        " milliarden mio mrd halb halbe halben viertel doppelt dreifach einmal zweimal dreimal"
        " viermal"
    )
    | _inflected(
        "erst zweit dritt viert f\u00fcnft sechst siebt acht neunt zehnt", "e em en er es"
    ),
    "fr": _words(
        "deux trois quatre cinq sept huit neuf dix onze douze treize quatorze quinze seize vingt"
        " vingts trente quarante cinquante soixante septante huitante nonante cent cents mille"
        " million millions milliard milliards demi demie quart double triple premier premi\u00e8re"
        " deuxi\u00e8me troisi\u00e8me quatri\u00e8me cinqui\u00e8me sixi\u00e8me septi\u00e8me"
        " huiti\u00e8me neuvi\u00e8me dixi\u00e8me"
    ),
    "it": _words(
        "tre quattro cinque sette otto nove dieci undici dodici tredici quattordici quindici"
        " sedici diciassette diciotto diciannove venti trenta quaranta cinquanta sessanta settanta"
        " ottanta novanta cento mille mila milione milioni miliardo miliardi mezzo mezza doppio"
        " triplo"
    )
    | _inflected("prim terz quart quint sest settim ottav non decim", "o a i e")
    - _words("prima none non"),
}

# Numbers only before a unit: "one" in most languages, and the Italian two and six, which are "due"
# in English, and "are" in Italian and "be" in German.
AMBIGUOUS_NUMBERS = _words("one ein eine einem einen einer un une uno una due sei")

# What longer numbers are made of in one word: "zweiundvierzig", "quarantadue".
NUMBER_PARTS = {
    "en": _words(""),
    "de": _words(
        "und ein zwei drei vier f\u00fcnf sechs sieben acht neun zehn elf zw\u00f6lf sech sieb"
        " zwanzig drei\u00dfig zig hundert tausend mal fach"
    ),
    "fr": _words(""),
    "it": _words(
        "uno un due tre tr\u00e9 quattro cinque sei sette otto nove venti vent trenta trent"
        " quaranta quarant cinquanta cinquant sessanta sessant settanta settant ottanta ottant"
        " novanta novant cento cent mille mila"
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

# What a dotted number after it points to, and does not measure: written just so.  Of words that
# introduce an amount as well ("for example 1.5", "laut Tabelle 1.25"), none or those in capitals.
REFERENCES = {
    "en": _words(
        "Section Sections Chapter Chapters Table Tables Figure Figures Example Examples Appendix"
        " Appendices section sections chapter chapters appendix appendices"
    ),
    "de": _words("Abschnitt Abschnitte Abschnitten Kapitel Kapiteln Anhang"),
    "fr": _words(
        "Section Sections Chapitre Chapitres Tableau Tableaux Figure Figures Exemple Exemples"
        " Annexe Annexes section sections chapitre chapitres annexe annexes"
    ),
    "it": _words(
        "Sezione Sezioni Capitolo Capitoli Tabella Figura Esempio Esempi Appendice"
        " sezione sezioni capitolo capitoli appendice"
    ),
}

# What sends a reader to a chapter: behind it a whole number is a pointer, too. Elsewhere it need
# not be one, as in "filed under Chapter 11".
SENDING = {
    "en": frozenset(
        (
            *("see", "consult", "refer to", "referred to", "described in", "explained in"),
            *("discussed in", "documented in", "covered in", "given in", "listed in", "shown in"),
        )
    ),
    "de": frozenset(("siehe", "vgl", "beschrieben in", "erkl\u00e4rt in", "beschreibt")),
    "fr": frozenset(("voir", "cf", "d\u00e9crit au", "d\u00e9crits au", "expliqu\u00e9 au")),
    "it": frozenset(("vedi", "vedere", "cfr", "descritto nel", "descritti nel", "spiegato nel")),
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
