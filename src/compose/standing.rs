//! Whether a tag stands alone on its line, as handlebars saw it when it parsed the template.
//!
//! handlebars keeps the answer in a field of its tree that nobody else can read, but its nodes can be
//! compared: a twin that stands alone is made of the node in question, and is equal to it or not.

use std::collections::HashMap;

use handlebars::template::{
    DecoratorTemplate, ExpressionSpec, ExpressionSpecBuilder, HelperTemplate, Parameter,
};

use super::program::Alone;

/// Whether the opening tag of a block stands alone on its line.
pub(super) fn block_stands_alone(call: &HelperTemplate) -> Alone {
    let mut twin = HelperTemplate::new(spec(&call.name, &call.params, &call.hash), call.block, true);
    twin.block_param.clone_from(&call.block_param);
    twin.template.clone_from(&call.template);
    twin.inverse.clone_from(&call.inverse);
    twin.chain = call.chain;
    if twin == *call { Alone::Yes } else { Alone::No }
}

/// Whether the tag of a partial stands alone on its line.
pub(super) fn partial_stands_alone(call: &DecoratorTemplate) -> Alone {
    let mut twin = DecoratorTemplate::new(spec(&call.name, &call.params, &call.hash), true);
    twin.template.clone_from(&call.template);
    twin.indent.clone_from(&call.indent);
    if twin == *call { Alone::Yes } else { Alone::No }
}

fn spec(name: &Parameter, params: &[Parameter], hash: &HashMap<String, Parameter>) -> ExpressionSpec {
    ExpressionSpecBuilder::default()
        .name(name.clone())
        .params(params.to_vec())
        .hash(hash.clone())
        .omit_pre_ws(false)
        .omit_pro_ws(false)
        .build()
        .expect("every field is given")
}

#[cfg(test)]
mod tests {
    use handlebars::Template;
    use handlebars::template::TemplateElement;

    use super::*;

    #[test]
    fn handlebars_tells_which_tags_stand_alone() {
        let table = [
            ("{{#if a}}\nx{{/if}}", Alone::Yes),
            ("  {{#if a b=1}} \nx{{else}}y{{/if}}", Alone::Yes),
            ("{{#each a as |b c|}}x{{/each}}", Alone::No),
            ("y {{#if a}}\nx{{/if}}", Alone::No),
            ("{{~#if a}}\nx{{/if}}", Alone::No),
            ("  {{> p a b=c}}\nx", Alone::Yes),
            ("{{#> p}}\nx{{/p}}", Alone::Yes),
            ("a {{> p}}\nx", Alone::No),
        ];
        for (text, alone) in table {
            let template = Template::compile(text).expect(text);
            let found = template.elements.iter().find_map(|element| match element {
                TemplateElement::HelperBlock(call) => Some(block_stands_alone(call)),
                TemplateElement::PartialExpression(call) | TemplateElement::PartialBlock(call) => {
                    Some(partial_stands_alone(call))
                }
                _ => None,
            });
            assert_eq!(found, Some(alone), "{text}");
        }
    }
}
