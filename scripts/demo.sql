-- The articles of the demo. Everything in them was written for it.

insert into articles (title, body)
values

-- baking
(
    'Why dough rises',
    'Yeast eats the sugar in the flour and breathes out gas. The gluten holds the gas in small '
    'bubbles, and so the dough rises. A warm kitchen makes it rise faster; in the fridge it takes '
    'all night and tastes better.'
),
(
    'A sourdough starter',
    'Mix equal weights of flour and water in a jar. Feed it every day with fresh flour and water, '
    'and throw half of it away. After a week it bubbles and smells sour, and then it can raise a '
    'loaf of bread.'
),
(
    'A crisp crust',
    'Bread gets a crisp crust from steam. Bake it in a closed pot for the first half hour, then '
    'take the lid off so that the crust can brown. Let the loaf cool on a rack before you cut it.'
),
(
    'Shortcrust pastry',
    'Rub cold butter into flour until it looks like crumbs, and add only as much water as it needs. '
    'Rest the pastry in the fridge for half an hour. Warm butter makes it tough.'
),

-- databases
(
    'What an index is for',
    'An index lets the database find a few rows without reading the whole table. It has to be kept '
    'up to date, so every insert pays for it. An index that no query uses only costs.'
),
(
    'A guide to backups',
    E'# A guide to backups\n\n'
    'A backup that nobody has restored is a hope, not a backup. This guide describes what to save, '
    'how often, and how to be sure that it comes back.\n\n'
    '## What to save\n\n'
    'Save the data directory with a base backup, and the write-ahead log with archiving. Together '
    'they bring the database back to any moment you choose. A dump is easier to carry to another '
    'version, but it holds only one moment. Save the roles as well, because a dump of one database '
    'leaves them out.\n\n'
    '## How often\n\n'
    'Take a base backup every night. Archive the log all the time, so that no more than a minute of '
    'work is lost. Keep seven nightly backups and four weekly ones. Move one copy to another '
    'building, since a fire does not ask which disk is the spare one.\n\n'
    '## Encryption\n\n'
    'Encrypt every backup before it leaves the machine. Keep the key in two places, and neither of '
    'them on the server that is being backed up. A lost key makes all the backups worthless at '
    'once.\n\n'
    '## Practise the restore\n\n'
    'Restore a backup on a spare server once a month. Measure how long it takes, and write the time '
    'down where the people on call will find it. Count the rows of the largest tables and compare '
    'them with the original. Only then do you know that you have a backup.'
),
(
    'Transactions',
    'A transaction is all or nothing: either every statement in it takes effect, or none does. Other '
    'sessions do not see it before it commits. Keep transactions short, because the locks they '
    'take last until the end.'
),
(
    'Vacuum',
    'An update leaves the old version of a row behind. Vacuum frees the space of versions that no '
    'session can see any more. A transaction that stays open for hours keeps it from doing so, and '
    'the table grows.'
),

-- bicycles
(
    'Mending a puncture',
    'Take the wheel off, lever the tyre over the rim and pull out the inner tube. Pump it up and '
    'hold it under water: bubbles show the hole. Roughen the rubber, put on glue, wait until it is '
    'dry, and press the patch on. Feel inside the tyre for the thorn before you put it back.'
),
(
    'The bicycle through the year',
    E'# The bicycle through the year\n\n'
    'A bicycle that is looked after lasts for decades. An hour in each season is enough, with a few '
    'tools and some rags.\n\n'
    '## Spring\n\n'
    'Wash off the salt of the winter with warm water. Clean the chain, dry it, and put one drop of '
    'oil on each link. Wipe off what runs over, because oil on the outside only collects dirt. Check '
    'the brake pads and replace them when the grooves are gone.\n\n'
    '## Summer\n\n'
    'Pump up the tyres every other week: hot roads and low pressure are how the rim gets damaged. '
    'Tighten the bolts of the rack and the mudguards after a long tour. Carry a spare tube, two '
    'levers and a pump, and try the pump before you leave.\n\n'
    '## Autumn\n\n'
    'Put the lights on and check the dynamo. Wet leaves on the road are as slippery as ice, so '
    'brake early and stay upright in bends. Change to tyres with more rubber before the first '
    'frost.\n\n'
    '## Winter\n\n'
    'Salt eats chains and spokes. Rinse the bicycle after each ride on a salted road, and store it '
    'where it can dry. Let some air out of the tyres on snow. Bring the battery of an electric '
    'bicycle indoors, because it must not be charged when it is frozen.'
),
(
    'Gears',
    'A small gear in front and a large one behind make climbing easy. Change down before the hill '
    'gets steep, while the pedals still turn lightly. A chain that jumps is worn: measure it with a '
    'gauge.'
),
(
    'Setting the saddle',
    'With the heel on the pedal at its lowest, the leg should be straight. A saddle that is too low '
    'hurts the knees, one that is too high makes the hips rock.'
),

-- the garden
(
    'Compost',
    'Compost wants a mixture: kitchen scraps and grass for nitrogen, dry leaves and twigs for '
    'carbon. Turn the heap once a month so that air gets in. After a year it is dark and crumbly '
    'and smells of forest soil.'
),
(
    'Pruning apple trees',
    'Prune apple trees in late winter, before the buds swell. Cut out dead wood and branches that '
    'rub against each other, and keep the middle open to light. Tall shoots that grow straight up '
    'bear no fruit.'
),
(
    'Growing tomatoes',
    'Sow tomatoes indoors in March and plant them out after the last frost. Water the soil, never '
    'the leaves, or blight will come. Pinch out the side shoots so that the strength goes into the '
    'fruit.'
),
(
    'Slugs',
    'Slugs come out at night when it is damp. Water in the morning, so that the beds are dry in the '
    'evening. Copper tape round a pot keeps them out, and hedgehogs eat them.'
),

-- sea and weather
(
    'Tides',
    'The moon pulls at the oceans, and twice a day the tide comes in and goes out. At full moon and '
    'new moon the sun pulls along the same line: these are the spring tides, the highest of all. '
    'In a narrow bay the water can rise by more than ten metres.'
),
(
    'Why the wind blows',
    'Air flows from high pressure to low pressure, and the turning of the earth bends its path. On '
    'the coast the wind comes from the sea by day, because the land heats up faster, and from the '
    'land at night.'
),
(
    'Reading clouds',
    'Thin feathers of ice high up announce a warm front within a day. Heaps with flat bottoms mean '
    'fair weather. When a heap grows into a tower with an anvil on top, a thunderstorm is near.'
),
(
    'Lighthouses',
    'Each lighthouse has its own rhythm of flashes, so that sailors can tell which one they see. The '
    'lens of rings was invented for them: it is as strong as a thick glass and weighs a tenth.'
),

-- the night sky
(
    'Phases of the moon',
    'The moon has no light of its own; we see the half that the sun shines on. From new moon to full '
    'moon takes two weeks. In an eclipse of the moon, the shadow of the earth falls on it.'
),
(
    'The first telescope',
    'Begin with binoculars: they show the craters of the moon and the four large moons of Jupiter. A '
    'telescope with a mirror of fifteen centimetres shows the rings of Saturn. A steady tripod '
    'matters more than magnification.'
),
(
    'Shooting stars',
    'A shooting star is a grain of dust that burns up in the air. In the middle of August the earth '
    'crosses the trail of a comet, and one can see sixty in an hour. Lie down in a dark place and '
    'wait until your eyes have got used to it.'
),
(
    'Finding north',
    'Find the Plough, and prolong the line of its two last stars five times: there is the Pole Star. '
    'It stands over the north, all night and all year.'
),

-- sleep and health
(
    'Sleeping well',
    'Go to bed and get up at the same time every day. Keep the bedroom cool and dark, and leave the '
    'telephone outside. Coffee after noon is still awake at midnight.'
),
(
    'A bad back',
    'Most back pain goes away by itself in a few weeks. Keep moving, because rest in bed makes it '
    'last longer. See a doctor at once if a leg becomes weak or numb.'
),
(
    'First aid for burns',
    'Cool a burn under running water for ten minutes, not with ice. Take off rings before the skin '
    'swells. Cover it with clean cling film. Do not put butter or oil on it.'
),
(
    'Washing hands',
    'Soap lifts off what water alone leaves behind. Twenty seconds are enough if you do not forget '
    'the thumbs and the nails. Dry your hands well: damp skin carries more germs.'
),

-- trains
(
    'How a train brakes',
    'The brakes of a train are held open by air pressure. If a hose breaks, the pressure falls and '
    'every wagon brakes by itself. A heavy goods train needs more than a kilometre to stop.'
),
(
    'Signals',
    'A distant signal tells the driver what the next main signal will show. Without it a fast train '
    'could not stop in time. A block of track between two signals holds one train only.'
),
(
    'Night trains',
    'A night train saves a day and a hotel. In a couchette six people share a compartment; a sleeping '
    'car has real beds and a washbasin. Book early for the summer, and take earplugs.'
),
(
    'Narrow gauge',
    'Railways in the mountains are often built with a narrow gauge, because it allows tighter bends. '
    'Where it is too steep for wheels, a rack between the rails takes over.'
),

-- the house
(
    'A dripping tap',
    'A tap drips because its washer is worn. Turn off the water, open the tap to empty the pipe, and '
    'unscrew the top. A new washer costs a few cents.'
),
(
    'Fuses and breakers',
    'A circuit breaker switches off when too much current flows and the wires could get hot. A '
    'residual current device compares the current that goes out with what comes back, and protects '
    'people. Press its test button twice a year.'
),
(
    'Mould in the bathroom',
    'Mould grows where damp air meets a cold wall. Open the window wide for five minutes after a '
    'shower, and leave a gap behind the furniture. Bleach removes the stain, not the cause.'
),
(
    'Bleeding a radiator',
    'A radiator that is warm below and cold above has air in it. Turn off the pump, open the valve '
    'with a key, and hold a cup under it until water comes. Then check the pressure of the boiler.'
);
