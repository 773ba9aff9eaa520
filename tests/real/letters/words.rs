//! What people are called and what they read, in the scripts of the world; and chance, by a seed.

/// Seeded chance: Steele, Lea and Flood's splitmix64.
pub(super) struct Chance(u64);

impl Chance {
    /// The chance of one campaign.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    /// A number from 0, below `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).expect("it is below a usize")
    }

    /// One of them.
    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// How people are called and what they read in one script.
pub(super) struct Script {
    pub(super) first: [&'static str; 3],
    pub(super) last: [&'static str; 3],
    pub(super) city: [&'static str; 2],
    pub(super) company: &'static str,
    pub(super) sentences: [&'static str; 3],
}

/// One of each script.
pub(super) const SCRIPTS: [Script; 14] = [
    Script {
        first: ["Ada", "Grace", "Alan"],
        last: ["Lovelace", "Hopper", "Turing"],
        city: ["London", "Boston"],
        company: "Engines & Sons",
        sentences: [
            "The days grow shorter, and there is more time to read.",
            "We have put together what our readers asked for most.",
            "It costs 5 % less, and 10 = 2 * 5.",
        ],
    },
    Script {
        first: ["Jörg", "Zoë", "Łukasz"],
        last: ["Müller", "Nguyễn", "Ångström"],
        city: ["Łódź", "São Paulo"],
        company: "Bücher Größe",
        sentences: [
            "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
            "Příliš žluťoučký kůň úpěl ďábelské ódy.",
            "Đường đi khó, không khó vì ngăn sông cách núi.",
        ],
    },
    Script {
        first: ["Мария", "Иван", "Ђорђе"],
        last: ["Иванова", "Шевченко", "Ћирић"],
        city: ["Москва", "Київ"],
        company: "Рога и копыта",
        sentences: [
            "Съешь же ещё этих мягких французских булок, да выпей чаю.",
            "Жебракують філософи при ґанку церкви в Гадячі.",
            "Љубазни фењерџија чађавог лица хоће да ми покаже штос.",
        ],
    },
    Script {
        first: ["Ελένη", "Γιώργος", "Σοφία"],
        last: ["Παπαδοπούλου", "Οικονόμου", "Νικολάου"],
        city: ["Αθήνα", "Θεσσαλονίκη"],
        company: "Βιβλία & Χάρτες",
        sentences: [
            "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία.",
            "Οι μέρες μικραίνουν και έχουμε χρόνο για διάβασμα.",
            "Τι γίνεται; Όλα καλά.",
        ],
    },
    Script {
        first: ["أمينة", "محمد", "ليلى"],
        last: ["الخوارزمي", "حداد", "منصور"],
        city: ["القاهرة", "بيروت"],
        company: "مكتبة النور",
        sentences: [
            "نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر ومغلف بجلد أزرق.",
            "طلبك رقم 12 من Berlin في الطريق.",
            "السلام عليكم ورحمة الله وبركاته.",
        ],
    },
    Script {
        first: ["שרה", "דוד", "מִרְיָם"],
        last: ["לוי", "כהן", "בן־דוד"],
        city: ["ירושלים", "חיפה"],
        company: "ספרים ועוד",
        sentences: [
            "דג סקרן שט בים מאוכזב ולפתע מצא חברה.",
            "ההזמנה שלך (מספר 34) בדרך אל Haifa.",
            "שלום וברכה.",
        ],
    },
    Script {
        first: ["优", "小明", "雪"],
        last: ["李", "欧阳", "王"],
        city: ["北京", "臺北"],
        company: "山海书店",
        sentences: [
            "秋天来了,白天越来越短,读书的时间越来越多。",
            "我們為您準備了讀者最想要的內容。",
            "您的订单已经发出,全角括号(如此)。",
        ],
    },
    Script {
        first: ["さくら", "太郎", "アヤ"],
        last: ["田中", "佐藤", "渡辺"],
        city: ["東京", "大阪"],
        company: "株式会社カメラ",
        sentences: [
            "いろはにほへと ちりぬるを わかよたれそ つねならむ。",
            "ガギグゲゴと半角ガギグも届きます。",
            "日が短くなり、読書の時間が増えました。",
        ],
    },
    Script {
        first: ["민준", "서연", "지우"],
        last: ["김", "이", "박"],
        city: ["서울", "부산"],
        company: "한글 서점",
        sentences: [
            "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다.",
            "주문하신 책이 오늘 출발했습니다.",
            "한글도 조합형으로 옵니다.",
        ],
    },
    Script {
        first: ["สมชาย", "มาลี", "น้ำฝน"],
        last: ["ใจดี", "ศรีสุข", "ทองคำ"],
        city: ["กรุงเทพฯ", "เชียงใหม่"],
        company: "ร้านหนังสือไทย",
        sentences: ["เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน", "คำสั่งซื้อของคุณกำลังเดินทาง", "สวัสดีค่ะ"],
    },
    Script {
        first: ["आदित्य", "प्रिया", "कृष्ण"],
        last: ["शर्मा", "द्विवेदी", "सिंह"],
        city: ["दिल्ली", "मुंबई"],
        company: "पुस्तक भवन",
        sentences: [
            "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश करने वाले विष्णुवतार भगवान श्रीराम।",
            "आपका ऑर्डर निकल चुका है।",
            "नमस्ते।",
        ],
    },
    Script {
        first: ["தமிழ்", "கவிதா", "முருகன்"],
        last: ["செல்வன்", "ராஜன்", "தேவி"],
        city: ["சென்னை", "மதுரை"],
        company: "தமிழ் நூலகம்",
        sentences: ["யாமறிந்த மொழிகளிலே தமிழ்மொழி போல் இனிதாவது எங்கும் காணோம்.", "உங்கள் ஆர்டர் அனுப்பப்பட்டது.", "வணக்கம்."],
    },
    Script {
        first: ["ანა", "გიორგი", "Արամ"],
        last: ["ბერიძე", "კაპანაძე", "Խաչատրյան"],
        city: ["თბილისი", "Երևան"],
        company: "አዲስ አበባ መጻሕፍት",
        sentences: [
            "საბეჭდი ტექსტი ქართულად არის დაწერილი.",
            "Բոլոր մարդիկ ծնվում են ազատ ու հավասար։",
            "ሰላም ለሁላችሁ ይሁን።",
        ],
    },
    Script {
        first: ["Ada 🦊", "👩‍🚀", "Zoë 🏳️‍🌈"],
        last: ["🍎🍏", "Hopper ✨", "𝔗𝔲𝔯𝔦𝔫𝔤"],
        city: ["🏙 Berlin", "🗼"],
        company: "🎉 & Co 🎊",
        sentences: [
            "🎄 Only today 🎁🎁🎁, for you and for 👨‍👩‍👧‍👦!",
            "A flag 🇪🇺, a skin 👍🏽, a keycap 1️⃣.",
            "𝒜 𝓁𝑒𝓉𝓉𝑒𝓇 beyond the first plane.",
        ],
    },
];

/// About `octets` octets of one script, in lines of a few sentences.
pub(super) fn text(script: &Script, octets: usize, chance: &mut Chance) -> String {
    let mut text = String::new();
    while text.len() < octets {
        text.push_str(chance.one_of(&script.sentences));
        text.push_str(chance.one_of(&[" ", " ", "  ", "\n", "\n\n"]));
    }
    text
}
